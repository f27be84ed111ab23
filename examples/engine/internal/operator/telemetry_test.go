// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/aggregate"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
)

// recorder keeps the metrics and the spans that an operator reports.
type recorder struct {
	metric.Exporter

	values map[string]float64 // sums over attributes, observations of histograms, last gauges
	spans  map[string]int     // by name
}

func (*recorder) Temporality(k metric.InstrumentKind) metricdata.Temporality {
	return metric.DefaultTemporalitySelector(k)
}

func (*recorder) Aggregation(k metric.InstrumentKind) metric.Aggregation {
	return metric.DefaultAggregationSelector(k)
}

func (r *recorder) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	clear(r.values)
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					action, _ := p.Attributes.Value("eventflux.late.action")
					r.values[strings.TrimSpace(m.Name+" "+action.AsString())] += float64(p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range d.DataPoints {
					r.values[m.Name] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					r.values[m.Name] += float64(p.Count)
				}
			}
		}
	}
	return nil
}

func (*recorder) ForceFlush(context.Context) error { return nil }
func (*recorder) Shutdown(context.Context) error   { return nil }

// spans is the recorder as an exporter of spans.
type spans struct{ r *recorder }

func (s spans) ExportSpans(_ context.Context, all []trace.ReadOnlySpan) error {
	for _, one := range all {
		s.r.spans[one.Name()]++
	}
	return nil
}

func (spans) Shutdown(context.Context) error { return nil }

// noLogs is an exporter of logs that keeps none.
type noLogs struct{}

func (noLogs) Export(context.Context, []sdklog.Record) error { return nil }
func (noLogs) ForceFlush(context.Context) error              { return nil }
func (noLogs) Shutdown(context.Context) error                { return nil }

// observed passes rows in batches of 50 through op and returns what it reported before it was closed and after.
func observed(t *testing.T, op Windowed, rows []event.Row) (before, after map[string]float64, stages map[string]int) {
	t.Helper()
	ctx, r := context.Background(), &recorder{values: map[string]float64{}, spans: map[string]int{}}
	cfg := telemetry.DefaultConfig()
	cfg.Level, cfg.Metrics.Interval = telemetry.Detail, time.Hour
	sdk, err := telemetry.Start(ctx, cfg, telemetry.WithExporters(telemetry.Exporters{Spans: spans{r}, Metrics: r, Logs: noLogs{}}), telemetry.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	q := sdk.App("test").Query("q")
	w := q.Worker()
	h := Handles{Query: q, Worker: w, Operator: q.Operator(op.Kind(), "window_1"), Window: q.Window(op.WindowType())}
	Watch(op, h.Window)
	op.Bind(h)
	flush := func() map[string]float64 {
		if err := sdk.ForceFlush(ctx); err != nil {
			t.Fatal(err)
		}
		return maps.Clone(r.values)
	}
	for chunk := range slices.Chunk(rows, 50) {
		b := w.Begin(ctx, telemetry.Arrival{Count: len(chunk), Stream: "Tick"})
		op.Process(b, batchOfRows(tick, chunk))
		b.End()
	}
	before = flush()
	b := w.Trigger(ctx)
	op.Close(b, time.Unix(0, 0))
	b.End()
	after = flush()
	w.Close()
	if err := sdk.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	return before, after, r.spans
}

func TestAWindowReportsWhatItDid(t *testing.T) {
	rows := ticks(21, 1000, 30)
	w := newWindow(t, window.Config{Gap: 6}, "session", []int{0})
	before, after, stages := observed(t, w, rows)
	late := float64(w.Late())
	retained := before["eventflux.window.events.retained"]
	for name, want := range map[string]float64{
		"eventflux.window.events.added":        1000 - late,
		"eventflux.window.events.expired":      1000 - late - retained,
		"eventflux.query.events.expired":       1000 - late - retained,
		"eventflux.window.events.late dropped": late,
		"eventflux.window.lateness":            late,
		"eventflux.selector.groups.active":     5,
		"eventflux.aggregator.distinct.values": before["eventflux.window.sessions.active"], // the symbols of a session are one
	} {
		if got := before[name]; got != want || want == 0 {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	if age := before["eventflux.window.oldest_event.age"]; age < 1e9 { // event time began in 1970
		t.Errorf("the oldest event is said to be %v s old", age)
	}
	for name, want := range map[string]float64{
		"eventflux.window.events.expired":      1000 - late,
		"eventflux.window.events.retained":     0,
		"eventflux.window.sessions.active":     0,
		"eventflux.window.oldest_event.age":    0,
		"eventflux.aggregator.distinct.values": 0,
		"eventflux.aggregator.computations":    after["eventflux.window.triggers"] * float64(len(some)), // a row per session
	} {
		if got := after[name]; got != want {
			t.Errorf("at the end %s = %v, want %v", name, got, want)
		}
	}
	for _, stage := range []string{"window.process", "window.accumulate", "window.trigger", "aggregation.process", "aggregation.state.update", "aggregation.compute"} {
		if stages[stage] == 0 {
			t.Errorf("no span %s among %v", stage, stages)
		}
	}
}

func TestAPartitionedWindowIsAsOldAsItsOldestEvent(t *testing.T) {
	rows := []event.Row{}
	now := time.Now()
	for i, age := range []time.Duration{2 * time.Hour, 3 * time.Hour, time.Hour} { // the oldest is neither first nor last
		r := ticks(27, 1, 1)[0]
		r.SetTime(now.Add(-age).UnixNano())
		r.SetSymbol(0, event.ID(i))
		rows = append(rows, r)
	}
	p, err := NewPartition(PartitionOptions{Key: "symbol", Make: func() ([]Operator, error) {
		return []Operator{newWindow(t, window.Config{Length: 5}, "lengthBatch", nil)}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := observed(t, p.(Windowed), rows)
	if age := before["eventflux.window.oldest_event.age"]; age < 3*3600 || age > 4*3600 {
		t.Errorf("the oldest event is said to be %v s old, it is three hours", age)
	}
	if age, ok := after["eventflux.window.oldest_event.age"]; !ok || age != 0 {
		t.Errorf("nothing is held, and the oldest event is said to be %v s old", age)
	}
}

func TestAcceptedEventsAreLateAndInTheWindow(t *testing.T) {
	_, after, _ := observed(t, newWindow(t, window.Config{Size: 10, Accept: true}, "tumbling", []int{0}), ticks(22, 1000, 30))
	if after["eventflux.window.events.added"] != 1000 || after["eventflux.window.events.expired"] != 1000 || after["eventflux.window.events.late accepted"] == 0 {
		t.Errorf("got %v", after)
	}
	if _, ok := after["eventflux.window.sessions.active"]; ok {
		t.Error("it has no sessions")
	}
}

func TestARowWindowReportsWhatItDid(t *testing.T) {
	w := newRows(t, window.Extent{Count: 7}, []int{0})
	_, after, stages := observed(t, w, ticks(23, 1000, 30))
	for name, want := range map[string]float64{
		"eventflux.window.events.added":     1000,
		"eventflux.window.events.expired":   1000 - 5*7,
		"eventflux.window.events.retained":  5 * 7,
		"eventflux.window.triggers":         1000,
		"eventflux.aggregator.computations": float64(1000 * len(some)),
		"eventflux.selector.groups.active":  5,
	} {
		if got := after[name]; got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	if stages["window.trigger"] != 0 || stages["aggregation.compute"] == 0 {
		t.Errorf("spans %v", stages)
	}
}

func TestRestoredEventsAreRetained(t *testing.T) {
	from, into := newWindow(t, window.Config{Size: 1 << 40}, "tumbling", []int{0}), newWindow(t, window.Config{Size: 1 << 40}, "tumbling", []int{0})
	from.Process(none, batchOfRows(tick, ticks(24, 80, 1)))
	restored(t, from, into)
	before, after, _ := observed(t, into, ticks(24, 20, 1))
	if before["eventflux.window.events.retained"] != 100 || after["eventflux.window.events.retained"] != 0 {
		t.Errorf("%v are retained, then %v", before["eventflux.window.events.retained"], after["eventflux.window.events.retained"])
	}
}

func TestRefusedEventsAreErrorsOfTheOperator(t *testing.T) {
	w := newWindow(t, window.Config{Size: 1 << 40}, "tumbling", []int{0})
	w.keys = aggregate.NewKeys(tick, []int{0}, 2)
	before, _, _ := observed(t, w, ticks(25, 200, 1))
	if refused := before["eventflux.operator.errors"]; refused == 0 || refused+before["eventflux.window.events.added"] != 200 {
		t.Errorf("%v refused, %v added of 200", refused, before["eventflux.window.events.added"])
	}
}
