// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// fragile is a backend for logs over gRPC or HTTP that comes, goes, and can fail every
// second request.
type fragile struct {
	plogotlp.UnimplementedGRPCServer
	addr     string
	overHTTP bool
	half     atomic.Bool
	requests atomic.Int64
	stop     func()
}

func (f *fragile) start(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", f.addr)
	require.NoError(t, err)
	var serving sync.WaitGroup
	if f.overHTTP {
		server := &http.Server{Handler: f, ReadHeaderTimeout: time.Second}
		serving.Go(func() { _ = server.Serve(ln) }) // ends with stop
		f.stop = sync.OnceFunc(func() { _ = server.Close(); serving.Wait() })
	} else {
		server := grpc.NewServer()
		plogotlp.RegisterGRPCServer(server, f)
		serving.Go(func() { _ = server.Serve(ln) }) // ends with stop
		f.stop = sync.OnceFunc(func() { server.Stop(); serving.Wait() })
	}
	t.Cleanup(f.stop)
}

func (f *fragile) fails() bool { return f.half.Load() && f.requests.Add(1)%2 == 0 }

// ServeHTTP implements [http.Handler].
func (f *fragile) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if f.fails() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// Export implements [plogotlp.GRPCServer].
func (f *fragile) Export(context.Context, plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	if f.fails() {
		return plogotlp.NewExportResponse(), status.Error(codes.Unavailable, "not this one")
	}
	return plogotlp.NewExportResponse(), nil
}

// traffic sends twenty logs a second until the test ends.
func traffic(t *testing.T, sender *otlp.Sender) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	sending.Go(func() {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for ctx.Err() == nil {
			_ = sender.Log(ctx, "one of many", nil) // a full queue refuses some
			select {
			case <-ctx.Done():
			case <-ticker.C:
			}
		}
	})
	t.Cleanup(func() { cancel(); sending.Wait() })
}

// Exporters have their default settings, and no line of the configuration says that
// anybody watches them.
func TestHealthSeesABackendThatIsDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		exporter, reason string
		overHTTP         bool
	}{
		{exporter: "otlp_grpc", reason: "Unavailable, connection refused"},
		{exporter: "otlp_http", reason: "connection refused", overHTTP: true},
	} {
		t.Run(c.exporter, func(t *testing.T) {
			t.Parallel()
			backend := &fragile{addr: fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)), overHTTP: c.overHTTP}
			backend.start(t)
			collector := run.NewCollector(t)
			collector.LaunchFile(filepath.Join(run.Root(t), "test", "e2e", "testdata", "outbound.yaml"),
				map[string]string{"BACKEND": backend.addr, "EXPORTER": c.exporter})
			collector.WaitReady()
			traffic(t, otlp.NewSender(t, collector.Endpoint()))
			eventuallyHealth(t, collector, `"status":"healthy"`, `"destinations":{"ok":1,"failing":0}`)

			backend.stop()
			down := time.Now()
			eventuallyHealth(t, collector, `"status":"degraded"`, `"event_pipeline":"degraded"`, `"destinations":{"ok":0,"failing":1}`,
				"exporter "+c.exporter+" cannot send to "+backend.addr+", since ", c.reason)
			seen := time.Since(down)
			code, _ := collector.Probe("/ready")
			assert.Equal(t, 200, code, "an outage outside is no reason to send work elsewhere")
			failing, _ := collector.SelfMetrics().Sum("otelcol_pipeline_health_destinations", scrape.Labels{"state": "failing"})
			assert.Equal(t, 1.0, failing)

			backend.start(t)
			eventuallyHealth(t, collector, `"status":"healthy"`)
			t.Logf("seen after %s", seen.Round(time.Millisecond))
			inLog := func(changes int) {
				run.Eventually(t, "that is in the log", func() bool { return changesOfStatus(collector) == changes })
			}
			inLog(3) // healthy, degraded, healthy

			backend.half.Store(true)
			eventuallyHealth(t, collector, `"status":"degraded"`, "exporter "+c.exporter)
			const changes = 4
			inLog(changes)
			served := backend.requests.Load()
			run.Eventually(t, "many requests more", func() bool { return backend.requests.Load() > served+40 })
			assert.Equal(t, changes, changesOfStatus(collector), "a backend that fails half of its calls is one trouble")
		})
	}
}

func changesOfStatus(c *run.Collector) int { return strings.Count(c.Output(), "Health status changed") }

// A key in the wrong place would stop a collector.
func TestEveryExporterStartsWithTheExtensionAndWithoutIt(t *testing.T) {
	for exporter, settings := range map[string]string{
		"debug":          "{}",
		"nop":            "{}",
		"file":           "{path: '${env:EVENTFLUX_DATA_DIR}/out.json'}",
		"prometheus":     "{endpoint: '127.0.0.1:${env:EVENTFLUX_PROMETHEUS_PORT}'}",
		"otlp_grpc":      "{endpoint: 127.0.0.1:1, tls: {insecure: true}}",
		"otlp/old":       "{endpoint: 127.0.0.1:1, tls: {insecure: true}}",
		"otlp_http":      "{endpoint: http://127.0.0.1:1}",
		"otlphttp/old":   "{endpoint: http://127.0.0.1:1}",
		"load_balancing": "{routing_key: service, protocol: {otlp: {tls: {insecure: true}}}, resolver: {static: {hostnames: ['127.0.0.1:1']}}}",
	} {
		for name, extensions := range map[string]string{"with": "pipeline_health", "without": ""} {
			t.Run(exporter+" "+name, func(t *testing.T) {
				t.Parallel()
				c := run.NewCollector(t)
				config := filepath.Join(t.TempDir(), "config.yaml")
				require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
receivers: {otlp: {protocols: {grpc: {endpoint: '127.0.0.1:${env:EVENTFLUX_GRPC_PORT}'}}}}
exporters: {%s: %s}
extensions: {pipeline_health: {endpoint: '127.0.0.1:${env:EVENTFLUX_HEALTH_PORT}', drain: {min: 0s}}}
service:
  extensions: [%s]
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [otlp], exporters: [%s]}}
`, exporter, settings, extensions, exporter), 0o600))
				c.LaunchFile(config, nil)
				run.Eventually(t, "the collector runs", func() bool {
					return strings.Contains(c.Output(), "Everything is ready") || !c.Running()
				})
				require.True(t, c.Running(), c.Output())
				code := c.Stop()
				if name == "with" || code != -1 { // without, the signal may be earlier than the collector listens for it
					require.Zero(t, code)
				}
			})
		}
	}
}

// What a stock shutdown would lose: it stops retries first. Settings are the defaults, but
// for a shorter wait for load balancers.
func TestSIGTERMWhileTheBackendIsDownLosesNothing(t *testing.T) {
	t.Parallel()
	backend := otlp.NewBackend(fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)))
	backend.Start(t)
	c := run.NewCollector(t)
	c.LaunchFile(filepath.Join(run.Root(t), "test", "e2e", "testdata", "outbound.yaml"),
		map[string]string{"BACKEND": backend.Addr(), "EXPORTER": "otlp_grpc", "DRAIN_MIN": "1s", "DRAIN_MAX": "25s"})
	c.WaitReady()
	sender := otlp.NewSender(t, c.Endpoint())
	bodies := sendLogs(t, sender, 20)
	run.Eventually(t, "the backend has them", func() bool { return len(backend.Seen()) == len(bodies) })

	backend.Stop()
	more := sendLogs(t, sender, 200)
	eventuallyHealth(t, c, `"status":"degraded"`)
	told := time.Now()
	c.Signal(syscall.SIGTERM)
	run.Eventually(t, "/ready drops", func() bool { code, _ := c.Probe("/ready"); return code == 503 })
	t.Logf("/ready was 503 after %s", time.Since(told).Round(time.Millisecond))
	late := sendLogs(t, sender, 20)
	run.Eventually(t, "two seconds are over", func() bool { return time.Since(told) > 2*time.Second })
	require.True(t, c.Running(), "it holds while the queue is not empty")
	code, _ := c.Probe("/live")
	assert.Equal(t, 200, code)
	backend.Start(t)

	require.Zero(t, c.Wait())
	t.Logf("the collector ended after %s", time.Since(told).Round(time.Millisecond))
	assert.Contains(t, c.Output(), "everything was delivered")
	seen := backend.Seen()
	for _, body := range slices.Concat(bodies, more, late) {
		assert.Positive(t, seen[body], body)
	}
}

// sendLogs sends logs one by one; each is accepted.
func sendLogs(t *testing.T, sender *otlp.Sender, n int) (bodies []string) {
	t.Helper()
	for range n {
		batch, body := sender.Batch(1)
		require.NoError(t, sender.Logs(t.Context(), batch))
		bodies = append(bodies, body...)
	}
	return bodies
}

// What waits inside the limiter, in a batch and for a decision is in flight, too.
func TestSIGTERMEmptiesWhatProcessorsAndBatchesHold(t *testing.T) {
	t.Parallel()
	backend := otlp.NewBackend(fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)))
	c := run.NewCollector(t)
	c.LaunchFile(filepath.Join(run.Root(t), "test", "e2e", "testdata", "drain.yaml"), map[string]string{"BACKEND": backend.Addr()})
	c.WaitReady()
	sender := otlp.NewSender(t, c.Endpoint())
	since, sent := time.Now(), int64(0)
	for range 20 {
		b := newBatch()
		points := b.sum(0, "orders", pmetric.AggregationTemporalityDelta)
		for user := range 10 {
			b.point(points, user, 1, since)
			sent++
		}
		require.NoError(t, sender.Metrics(t.Context(), b.md))
	}
	traces, err := sender.Traces(t.Context(), 30)
	require.NoError(t, err)

	told := time.Now()
	c.Signal(syscall.SIGTERM)
	run.Eventually(t, "two seconds are over", func() bool { return time.Since(told) > 2*time.Second })
	require.Empty(t, backend.Points())
	require.Empty(t, backend.Spans())
	backend.Start(t)
	require.Zero(t, c.Wait())
	t.Logf("the collector ended after %s", time.Since(told).Round(time.Millisecond))
	assert.Contains(t, c.Output(), "everything was delivered")
	arrived := int64(0)
	for _, p := range backend.Points() {
		if p.Metric == "orders" {
			arrived += p.IntValue()
		}
	}
	assert.Equal(t, sent, arrived)
	assert.NotEmpty(t, overflowOf(backend.Points()))
	seen := map[string]int{}
	for _, span := range backend.Spans() {
		seen[span.TraceID().String()]++
	}
	for _, id := range traces {
		assert.Equal(t, 1, seen[id.String()], id)
	}
}
