// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func TestQueues(t *testing.T) {
	point := func(exporter, signal string, value int64) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{
			Attributes: attribute.NewSet(attribute.String("exporter", exporter), attribute.String("data_type", signal)), Value: value,
		}
	}
	gauge := func(name string, points ...metricdata.DataPoint[int64]) metricdata.Metrics {
		return metricdata.Metrics{Name: name, Data: metricdata.Gauge[int64]{DataPoints: points}}
	}
	got := Queues(&metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{
		{Metrics: []metricdata.Metrics{
			gauge("otelcol_exporter_queue_size", point("otlp_http", "logs", 3), point("otlp_grpc", "traces", 4)),
			gauge("otelcol_other", point("otlp_http", "logs", 9)),
			{Name: "otelcol_exporter_queue_size", Data: metricdata.Sum[int64]{DataPoints: []metricdata.DataPoint[int64]{point("x", "logs", 1)}}},
		}},
		{Metrics: []metricdata.Metrics{
			gauge("otelcol_exporter_queue_capacity", point("otlp_http", "logs", 1000)),
			gauge("otelcol_exporter_queue_size", point("otlp_grpc", "logs", 5)),
		}},
	}})
	want := []Queue{
		{"otlp_grpc", "logs", 5, 0}, {"otlp_grpc", "traces", 4, 0}, {"otlp_http", "logs", 3, 1000},
	}
	if !slices.Equal(got, want) {
		t.Errorf("Queues() = %v, want %v", got, want)
	}
}

func TestBacklog(t *testing.T) {
	var b Backlog
	for _, step := range []struct {
		size int64
		high bool
	}{{0, false}, {79, false}, {80, true}, {79, true}, {50, true}, {49, false}, {79, false}, {100, true}} {
		b.Update([]Queue{{"otlp_grpc", "logs", step.size, 100}, {"otlp_grpc", "traces", 0, 100}, {"no capacity", "logs", 5, 0}})
		if high := b.High(); (len(high) == 1) != step.high || step.high && high[0] != (Queue{"otlp_grpc", "logs", step.size, 100}) {
			t.Errorf("at %d: high is %v", step.size, high)
		}
	}
	b.Update(nil)
	if high := b.High(); len(high) > 0 {
		t.Errorf("without queues: %v", high)
	}
}
