// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"io"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// metrics keeps what is exported: the value of sums and gauges, the count of histograms.
type metrics struct {
	metric.Exporter // unset: only the methods below are called

	values map[string]float64 // by metric name and attribute values
}

func (*metrics) Temporality(k metric.InstrumentKind) metricdata.Temporality {
	return metric.DefaultTemporalitySelector(k)
}

func (*metrics) Aggregation(k metric.InstrumentKind) metric.Aggregation {
	return metric.DefaultAggregationSelector(k)
}

func (m *metrics) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	clear(m.values)
	for _, scope := range rm.ScopeMetrics {
		for _, one := range scope.Metrics {
			switch data := one.Data.(type) {
			case metricdata.Sum[int64]:
				keep(m, one.Name, data.DataPoints)
			case metricdata.Gauge[float64]:
				keep(m, one.Name, data.DataPoints)
			case metricdata.Gauge[int64]:
				keep(m, one.Name, data.DataPoints)
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					m.values[key(one.Name, p.Attributes.ToSlice())] = float64(p.Count)
				}
			}
		}
	}
	return nil
}

func keep[N int64 | float64](m *metrics, name string, points []metricdata.DataPoint[N]) {
	for _, p := range points {
		m.values[key(name, p.Attributes.ToSlice())] = float64(p.Value)
	}
}

func key(name string, attrs []attribute.KeyValue) string {
	for _, kv := range attrs {
		name += " " + kv.Value.AsString()
	}
	return name
}

func (*metrics) ForceFlush(context.Context) error { return nil }
func (*metrics) Shutdown(context.Context) error   { return nil }

type noLogs struct{}

func (noLogs) Export(context.Context, []sdklog.Record) error { return nil }
func (noLogs) ForceFlush(context.Context) error              { return nil }
func (noLogs) Shutdown(context.Context) error                { return nil }

type noSpans struct{}

func (noSpans) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (noSpans) Shutdown(context.Context) error                             { return nil }

// observed returns an app and what says how its metrics are.
func observed(t *testing.T) (app *telemetry.App, read func() map[string]float64) {
	t.Helper()
	cfg, m := telemetry.DefaultConfig(), &metrics{values: map[string]float64{}}
	cfg.Level, cfg.Metrics.Interval = telemetry.Detail, time.Hour
	sdk, err := telemetry.Start(context.Background(), cfg,
		telemetry.WithExporters(telemetry.Exporters{Metrics: m, Logs: noLogs{}, Spans: noSpans{}}), telemetry.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sdk.Shutdown(context.Background()) })
	return sdk.App("test"), func() map[string]float64 {
		if err := sdk.ForceFlush(context.Background()); err != nil {
			t.Error(err)
		}
		return m.values
	}
}
