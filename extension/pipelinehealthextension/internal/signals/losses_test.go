// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func counters(all ...metricdata.Metrics) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: all}}}
}

func counter(name string, value int64, attributes ...attribute.KeyValue) metricdata.Metrics {
	return metricdata.Metrics{Name: name, Data: metricdata.Sum[int64]{
		DataPoints: []metricdata.DataPoint[int64]{{Attributes: attribute.NewSet(attributes...), Value: value}},
	}}
}

func TestLosses(t *testing.T) {
	begin := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	after := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	receiver, exporter := attribute.String("receiver", "eventflux"), attribute.String("exporter", "otlp_grpc")
	var l Losses
	if got := l.Recent(); len(got) > 0 {
		t.Errorf("before the first look: %v", got)
	}
	refused := func(second int) Loss { return Loss{Kind: "receiver", Component: "eventflux", Since: after(second)} }
	of := func(l Loss, items int64) Loss { l.Items = items; return l }
	full := Loss{Kind: "exporter", Component: "otlp_grpc", Items: 3, Since: after(5)}
	for _, step := range []struct {
		name             string
		second           int
		spans, logs, all int64 // refused spans, refused logs, spans that did not fit
		want             []Loss
	}{
		{"what was before", 0, 5, 0, 0, nil},
		{"nothing new", 1, 5, 0, 0, nil},
		{"of two signals", 2, 6, 1, 0, []Loss{of(refused(2), 2)}},
		{"another component", 5, 6, 1, 3, []Loss{full, of(refused(2), 2)}},
		{"more", 8, 6, 11, 3, []Loss{full, of(refused(2), 12)}},
		{"ten seconds later", 15, 6, 11, 3, []Loss{of(refused(2), 12)}},
		{"all over", 18, 6, 11, 3, []Loss{}},
		{"again", 19, 7, 11, 3, []Loss{of(refused(19), 1)}},
		{"counters of a new life", 40, 0, 0, 0, []Loss{}},
	} {
		l.Update(counters(
			counter("otelcol_receiver_refused_spans", step.spans, receiver),
			counter("otelcol_receiver_refused_log_records", step.logs, receiver),
			counter("otelcol_receiver_accepted_spans", int64(step.second)*100, receiver),
			counter("otelcol_exporter_enqueue_failed_spans", step.all, exporter),
		), after(step.second))
		if got := l.Recent(); !slices.Equal(got, step.want) {
			t.Errorf("%s: %v, want %v", step.name, got, step.want)
		}
	}
}

func TestUndecided(t *testing.T) {
	if n := Undecided(counters()); n != 0 {
		t.Errorf("without tail_sampling: %d", n)
	}
	rm := counters(
		counter("otelcol_processor_tail_sampling_new_trace_id_received", 10),
		counter("otelcol_processor_tail_sampling_global_count_traces_sampled", 4),
		counter("otelcol_processor_tail_sampling_traces_dropped_too_large", 1),
		counter("otelcol_processor_tail_sampling_sampling_trace_dropped_too_early", 2),
	)
	if n := Undecided(rm); n != 3 {
		t.Errorf("Undecided() = %d", n)
	}
}

func TestOutOfMemory(t *testing.T) {
	var c Components
	now := time.Now()
	c.Observe("processor memory_limiters_other of pipeline logs", nil, Recoverable, "", now)
	if name := c.OutOfMemory(); name != "" {
		t.Errorf("OutOfMemory() = %q", name)
	}
	for _, name := range []string{"processor memory_limiter of pipeline logs", "processor memory_limiter/2 of pipeline logs"} {
		c.Observe(name, nil, Recoverable, "", now)
		if got := c.OutOfMemory(); got != name {
			t.Errorf("OutOfMemory() = %q, want %q", got, name)
		}
		c.Observe(name, nil, Fine, "", now)
	}
}
