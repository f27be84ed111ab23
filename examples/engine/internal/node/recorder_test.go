// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"io"
	"testing"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// recorder keeps what a node reports, beyond the shutdown of its SDK.
type recorder struct {
	spans  tracetest.SpanStubs
	totals map[string]int64 // by metric name and attribute values
	closed bool             // no more metrics: what follows is the end of every series
}

func (r *recorder) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	r.spans = append(r.spans, tracetest.SpanStubsFromReadOnlySpans(spans)...)
	return nil
}

func (r *recorder) Shutdown(context.Context) error { return nil }

// metrics is the recorder as an exporter of metrics.
type metrics struct {
	metric.Exporter // unset: only the methods below are called

	r *recorder
}

func (metrics) Temporality(k metric.InstrumentKind) metricdata.Temporality {
	return metric.DefaultTemporalitySelector(k)
}

func (metrics) Aggregation(k metric.InstrumentKind) metric.Aggregation {
	return metric.DefaultAggregationSelector(k)
}

func (m metrics) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	if m.r.closed {
		return nil
	}
	for _, scope := range rm.ScopeMetrics {
		for _, one := range scope.Metrics {
			sum, ok := one.Data.(metricdata.Sum[int64])
			if !ok {
				continue
			}
			for _, p := range sum.DataPoints {
				key := one.Name
				for _, kv := range p.Attributes.ToSlice() {
					key += " " + kv.Value.AsString()
				}
				m.r.totals[key] = p.Value
			}
		}
	}
	return nil
}

func (metrics) ForceFlush(context.Context) error { return nil }
func (metrics) Shutdown(context.Context) error   { return nil }

// noLogs is an exporter of logs that keeps none.
type noLogs struct{}

func (noLogs) Export(context.Context, []sdklog.Record) error { return nil }
func (noLogs) ForceFlush(context.Context) error              { return nil }
func (noLogs) Shutdown(context.Context) error                { return nil }

func startTelemetry(t *testing.T) (*telemetry.SDK, *recorder) {
	t.Helper()
	r := &recorder{totals: map[string]int64{}}
	cfg := telemetry.DefaultConfig()
	cfg.Level = telemetry.Detail
	cfg.Metrics.Interval = time.Hour // only the last export counts
	sdk, err := telemetry.Start(context.Background(), cfg,
		telemetry.WithExporters(telemetry.Exporters{Spans: r, Metrics: metrics{r: r}, Logs: noLogs{}}),
		telemetry.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	return sdk, r
}
