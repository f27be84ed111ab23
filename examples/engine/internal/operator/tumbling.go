// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/aggregate"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
)

// Tumbling aggregates a value by key in windows of equal size on event time.
type Tumbling struct {
	window *window.Tumbling
	size   time.Duration
	meter  meter
	panes  aggregate.Panes
	slots  []int // by row of the batch at hand: its pane, or window.Late
	in     struct{ key, value int }
	out    aggregateColumns

	bytes atomic.Int64
	late  atomic.Int64
}

type aggregateColumns struct {
	schema                                   *event.Schema
	key, start, avg, sum, count, lowest, top int
}

// NewTumbling aggregates column value by column key of in. out must have the
// key's column and window_start, avg, sum, count, min and max.
func NewTumbling(size time.Duration, in *event.Schema, key, value string, out *event.Schema) *Tumbling {
	t := &Tumbling{window: window.NewTumbling(size), size: size}
	t.in.key, t.in.value = in.MustIndex(key), in.MustIndex(value)
	t.out = aggregateColumns{
		schema: out, key: out.MustIndex(key), start: out.MustIndex("window_start"),
		avg: out.MustIndex("avg"), sum: out.MustIndex("sum"), count: out.MustIndex("count"),
		lowest: out.MustIndex("min"), top: out.MustIndex("max"),
	}
	return t
}

// Kind implements Operator.
func (t *Tumbling) Kind() string { return "window" }

// Bind implements Operator.
func (t *Tumbling) Bind(h Handles) { t.meter = newMeter(h) }

// Process implements Operator. Windows that the batch completes are returned
// by the same call, so their results belong to the batch's trace.
func (t *Tumbling) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	span := b.Span(telemetry.StageWindow)
	leaf := span.Span(telemetry.StageAccumulate)
	t.accumulate(b, in)
	leaf.End()
	closed := t.trigger(span, t.window.Closed())
	span.End()

	span = b.Span(telemetry.StageAggregation)
	leaf = span.Span(telemetry.StageStateUpdate)
	t.update(in)
	leaf.End()
	out := t.compute(span, closed)
	span.End()
	t.bytes.Store(t.panes.Bytes())
	return out
}

// Close implements Windowed.
func (t *Tumbling) Close(b telemetry.Batch, _ time.Time) *event.Batch {
	held := t.window.Open()
	span := b.Span(telemetry.StageWindow, count(events(held)))
	t.trigger(span, held)
	span.End()
	span = b.Span(telemetry.StageAggregation, count(events(held)))
	out := t.compute(span, held)
	span.End()
	t.bytes.Store(t.panes.Bytes())
	return out
}

func (t *Tumbling) accumulate(b telemetry.Batch, in *event.Batch) {
	t.slots = t.slots[:0]
	late := 0
	for i := range in.Len() {
		slot := t.window.Assign(in.Row(i).Time())
		if slot == window.Late {
			late++
			b.Error(ErrorLateEvent, nil)
		}
		t.slots = append(t.slots, slot)
	}
	t.meter.moved(in.Len()-late, 0)
	t.meter.late.Add(late)
	t.late.Add(int64(late))
}

// trigger records that windows are about to close, if any are.
func (t *Tumbling) trigger(span telemetry.Span, closed []window.Pane) []window.Pane {
	if len(closed) > 0 {
		span.Span(telemetry.StageTrigger, count(events(closed))).End()
	}
	return closed
}

func (t *Tumbling) update(in *event.Batch) {
	for i, slot := range t.slots {
		if slot == window.Late {
			continue
		}
		r := in.Row(i)
		t.panes.Add(slot, int(r.Symbol(t.in.key)), r.Float(t.in.value))
	}
}

func (t *Tumbling) compute(span telemetry.Span, closed []window.Pane) *event.Batch {
	if len(closed) == 0 {
		return nil
	}
	start, leaf := time.Now(), span.Span(telemetry.StageCompute)
	defer leaf.End()
	out := event.NewBatch(t.out.schema, len(closed))
	for _, p := range closed {
		t.panes.Take(p.Slot, func(g aggregate.Result) {
			r := out.Append()
			r.SetTime(p.End)
			r.SetSymbol(t.out.key, event.ID(g.Key))
			r.SetInt(t.out.start, p.Start)
			r.SetFloat(t.out.avg, g.Mean())
			r.SetFloat(t.out.sum, g.Sum)
			r.SetInt(t.out.count, g.Count)
			r.SetFloat(t.out.lowest, g.Min)
			r.SetFloat(t.out.top, g.Max)
		})
	}
	t.meter.moved(0, events(closed))
	t.meter.triggered(len(closed), out.Len(), start)
	t.window.Drop(len(closed))
	return out
}

func events(panes []window.Pane) (n int) {
	for _, p := range panes {
		n += p.Count
	}
	return n
}

// WindowType implements Windowed.
func (t *Tumbling) WindowType() string { return "tumbling" }

// Duration implements Windowed.
func (t *Tumbling) Duration() time.Duration { return t.size }

// Holds implements Windowed.
func (t *Tumbling) Holds() bool { return len(t.window.Open()) > 0 }

// Bytes implements Stateful.
func (t *Tumbling) Bytes() int64 { return t.bytes.Load() }

// Late is the number of events that came after their window had closed. Any
// goroutine may call it.
func (t *Tumbling) Late() int64 { return t.late.Load() }
