// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	logscol "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricscol "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracecol "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// collector is an OTLP receiver that remembers everything it gets, in order of arrival.
type collector struct {
	url string

	mu      sync.Mutex
	metrics []*metricspb.ResourceMetrics
	spans   []*tracepb.ResourceSpans
	logs    []*logspb.ResourceLogs
	order   []string // "metrics", "traces", "logs"
}

func newCollector(t *testing.T, protocol string) *collector {
	t.Helper()
	c := &collector{}
	if protocol == telemetry.ProtocolHTTP {
		mux := http.NewServeMux()
		handle(mux, "/v1/metrics", &metricscol.ExportMetricsServiceRequest{}, c.addMetrics)
		handle(mux, "/v1/traces", &tracecol.ExportTraceServiceRequest{}, c.addTraces)
		handle(mux, "/v1/logs", &logscol.ExportLogsServiceRequest{}, c.addLogs)
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		c.url = server.URL
		return c
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	metricscol.RegisterMetricsServiceServer(server, metricsService{c: c})
	tracecol.RegisterTraceServiceServer(server, traceService{c: c})
	logscol.RegisterLogsServiceServer(server, logsService{c: c})
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-served })
	c.url = "http://" + listener.Addr().String()
	return c
}

func handle[M proto.Message](mux *http.ServeMux, path string, kind M, add func(M)) {
	mux.HandleFunc(path, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request := kind.ProtoReflect().New().Interface().(M)
		if proto.Unmarshal(body, request) == nil {
			add(request)
		}
	})
}

func (c *collector) addMetrics(r *metricscol.ExportMetricsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.metrics, c.order = append(c.metrics, r.ResourceMetrics...), append(c.order, "metrics")
}

func (c *collector) addTraces(r *tracecol.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans, c.order = append(c.spans, r.ResourceSpans...), append(c.order, "traces")
}

func (c *collector) addLogs(r *logscol.ExportLogsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logs, c.order = append(c.logs, r.ResourceLogs...), append(c.order, "logs")
}

type metricsService struct {
	metricscol.UnimplementedMetricsServiceServer

	c *collector
}

func (s metricsService) Export(_ context.Context, r *metricscol.ExportMetricsServiceRequest) (*metricscol.ExportMetricsServiceResponse, error) {
	s.c.addMetrics(r)
	return &metricscol.ExportMetricsServiceResponse{}, nil
}

type traceService struct {
	tracecol.UnimplementedTraceServiceServer

	c *collector
}

func (s traceService) Export(_ context.Context, r *tracecol.ExportTraceServiceRequest) (*tracecol.ExportTraceServiceResponse, error) {
	s.c.addTraces(r)
	return &tracecol.ExportTraceServiceResponse{}, nil
}

type logsService struct {
	logscol.UnimplementedLogsServiceServer

	c *collector
}

func (s logsService) Export(_ context.Context, r *logscol.ExportLogsServiceRequest) (*logscol.ExportLogsServiceResponse, error) {
	s.c.addLogs(r)
	return &logscol.ExportLogsServiceResponse{}, nil
}

// newest returns the metrics of the last export, by name.
func (c *collector) newest() map[string]*metricspb.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	byName := make(map[string]*metricspb.Metric)
	if len(c.metrics) == 0 {
		return byName
	}
	for _, scope := range c.metrics[len(c.metrics)-1].ScopeMetrics {
		for _, m := range scope.Metrics {
			byName[m.Name] = m
		}
	}
	return byName
}

// allSpans returns every span received, by name. Names are expected to be unique.
func (c *collector) allSpans() map[string]*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	byName := make(map[string]*tracepb.Span)
	for _, resource := range c.spans {
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				byName[s.Name] = s
			}
		}
	}
	return byName
}

// scoped is a log record and the scope it came under.
type scoped struct {
	*logspb.LogRecord

	scope string
}

func (c *collector) allLogs() []scoped {
	c.mu.Lock()
	defer c.mu.Unlock()
	var records []scoped
	for _, resource := range c.logs {
		for _, scope := range resource.ScopeLogs {
			for _, r := range scope.LogRecords {
				records = append(records, scoped{r, scope.Scope.Name})
			}
		}
	}
	return records
}

// attributes turns OTLP attributes into a map of plain values.
func attributes(kvs []*commonpb.KeyValue) map[string]any {
	m := make(map[string]any, len(kvs))
	for _, kv := range kvs {
		m[kv.Key] = plain(kv.Value)
	}
	return m
}

func plain(v *commonpb.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return v.IntValue
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue
	case *commonpb.AnyValue_DoubleValue:
		return v.DoubleValue
	case *commonpb.AnyValue_KvlistValue:
		return attributes(v.KvlistValue.Values)
	default:
		return nil
	}
}

// start starts an SDK that exports to c and only when flushed, and shuts it down with the test.
func start(t *testing.T, c *collector, protocol string, cfg telemetry.Config, opts ...telemetry.Option) *telemetry.SDK {
	t.Helper()
	opts = append([]telemetry.Option{
		telemetry.WithEndpoint(c.url),
		telemetry.WithProtocol(protocol),
		telemetry.WithMetricInterval(time.Hour),
		telemetry.WithLogWriter(io.Discard),
		telemetry.WithErrorHandler(func(err error) { t.Log("telemetry:", err) }),
	}, opts...)
	sdk, err := telemetry.Start(t.Context(), cfg, opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = sdk.Shutdown(ctx)
	})
	return sdk
}

// flush exports everything recorded so far.
func flush(t *testing.T, sdk *telemetry.SDK) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, sdk.ForceFlush(ctx))
}

// countRoots returns how many roots of the query q1 were received.
func (c *collector) countRoots() (n int) {
	c.eachSpan(func(s *tracepb.Span) {
		if s.Name == "query.execute q1" {
			n++
		}
	})
	return n
}

// spanOf returns a span of the trace, or nil.
func (c *collector) spanOf(traceID string) (found *tracepb.Span) {
	c.eachSpan(func(s *tracepb.Span) {
		if hex.EncodeToString(s.TraceId) == traceID {
			found = s
		}
	})
	return found
}

func (c *collector) eachSpan(f func(*tracepb.Span)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range c.spans {
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				f(s)
			}
		}
	}
}
