// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package telemetrytest reads back, in tests, what the parts of the engine report.
package telemetrytest

import (
	"context"
	"io"
	"testing"
	"time"

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
		for _, p := range data.DataPoints {
			r.values[series(one, p)] = float64(p.Value)
		}
	case metricdata.Sum[float64]:
		for _, p := range data.DataPoints {
			r.values[series(one, p)] = p.Value
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			key := one.Name
			for _, kv := range p.Attributes.ToSlice() {
				key += " " + kv.Value.AsString()
			}
			r.values[key], r.values[key+" sum"] = float64(p.Count), p.Sum
		}
	}
}

func series[N int64 | float64](one metricdata.Metrics, p metricdata.DataPoint[N]) string {
	key := one.Name
	for _, kv := range p.Attributes.ToSlice() {
		key += " " + kv.Value.AsString()
	}
	return key
}

// ForceFlush implements metric.Exporter.
func (*Recorder) ForceFlush(context.Context) error { return nil }

// Shutdown implements metric.Exporter.
func (*Recorder) Shutdown(context.Context) error { return nil }

// Expect compares series with what is exported now.
func (r *Recorder) Expect(t *testing.T, want map[string]float64) {
	t.Helper()
	if err := r.sdk.ForceFlush(context.Background()); err != nil {
		t.Fatal(err)
	}
	for name, v := range want {
		if got, ok := r.values[name]; !ok || got != v {
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
