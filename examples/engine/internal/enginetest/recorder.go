// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package enginetest has what the tests of several packages share: a recorder of what the engine reports, and streams.
package enginetest

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// Recorder keeps the latest value of each series: the sum, or how many observations a histogram has.
type Recorder struct {
	metric.Exporter // unset: only the methods below are called

	sdk    *telemetry.SDK
	values map[string]float64 // by metric name and attribute values
}

// Temporality implements metric.Exporter.
func (*Recorder) Temporality(k metric.InstrumentKind) metricdata.Temporality {
	return metric.DefaultTemporalitySelector(k)
}

// Aggregation implements metric.Exporter.
func (*Recorder) Aggregation(k metric.InstrumentKind) metric.Aggregation {
	return metric.DefaultAggregationSelector(k)
}

// Export implements metric.Exporter.
func (r *Recorder) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	clear(r.values)
	for _, scope := range rm.ScopeMetrics {
		for _, one := range scope.Metrics {
			r.keep(one)
		}
	}
	return nil
}

func (r *Recorder) keep(one metricdata.Metrics) {
	switch data := one.Data.(type) {
	case metricdata.Sum[int64]:
		keep(r, one.Name, data.DataPoints)
	case metricdata.Sum[float64]:
		keep(r, one.Name, data.DataPoints)
	case metricdata.Gauge[int64]:
		keep(r, one.Name, data.DataPoints)
	case metricdata.Gauge[float64]:
		keep(r, one.Name, data.DataPoints)
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			key := series(one.Name, p.Attributes)
			r.values[key], r.values[key+" sum"] = float64(p.Count), p.Sum
		}
	}
}

func keep[N int64 | float64](r *Recorder, name string, points []metricdata.DataPoint[N]) {
	for _, p := range points {
		r.values[series(name, p.Attributes)] = float64(p.Value)
	}
}

func series(name string, attrs attribute.Set) string {
	parts := []string{name}
	for _, kv := range attrs.ToSlice() {
		parts = append(parts, kv.Value.AsString())
	}
	return strings.Join(parts, " ")
}

// ForceFlush implements metric.Exporter.
func (*Recorder) ForceFlush(context.Context) error { return nil }

// Shutdown implements metric.Exporter.
func (*Recorder) Shutdown(context.Context) error { return nil }

// Read returns what is exported now. It is valid until the next call.
func (r *Recorder) Read(t *testing.T) map[string]float64 {
	t.Helper()
	if err := r.sdk.ForceFlush(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r.values
}

// Expect compares series with what is exported now.
func (r *Recorder) Expect(t *testing.T, want map[string]float64) {
	t.Helper()
	now := r.Read(t)
	for name, v := range want {
		if got, ok := now[name]; !ok || got != v {
			t.Errorf("%s = %v (%v), want %v", name, got, ok, v)
		}
	}
}

type noLogs struct{}

func (noLogs) Export(context.Context, []sdklog.Record) error { return nil }
func (noLogs) ForceFlush(context.Context) error              { return nil }
func (noLogs) Shutdown(context.Context) error                { return nil }

// Start returns an application that reports to a Recorder, until the test ends.
func Start(t *testing.T) (*telemetry.App, *Recorder) {
	t.Helper()
	r := &Recorder{values: map[string]float64{}}
	cfg := telemetry.DefaultConfig()
	cfg.Level = telemetry.Detail
	cfg.Metrics.Interval = 1000 * time.Hour // exports come by Expect
	sdk, err := telemetry.Start(context.Background(), cfg, telemetry.WithLogWriter(io.Discard),
		telemetry.WithExporters(telemetry.Exporters{Spans: tracetest.NewNoopExporter(), Metrics: r, Logs: noLogs{}}))
	if err != nil {
		t.Fatal(err)
	}
	r.sdk = sdk
	t.Cleanup(func() {
		if err := sdk.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return sdk.App("test"), r
}
