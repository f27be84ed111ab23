// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"math"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
)

// Window aggregates by group in panes and gives a row per group when a pane closes, with its end as the event time.
type Window struct {
	selector
	panes  *window.Panes
	moves  []window.Move // of the batch at hand
	closed int64         // when Close was called last
}

// NewWindow aggregates rows of in over the panes of w. kind is the value of window.type and size how long a window is,
// 0 if something else bounds it.
func NewWindow(w *window.Panes, kind string, size time.Duration, in *event.Schema, sel Selection) *Window {
	o := &Window{panes: w, closed: math.MinInt64}
	shape := w.String()
	if w.Manual() {
		shape = size.String()
	}
	o.init(kind, shape, size, in, sel)
	return o
}

// Process implements Operator. Windows that the batch completes are returned by the same call, so their results belong
// to the batch's trace.
func (w *Window) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	span := b.Span(telemetry.StageWindow)
	leaf := span.Span(telemetry.StageAccumulate)
	w.accumulate(b, in)
	leaf.End()
	closed := w.panes.Closed()
	w.trigger(span, closed)

	span = b.Span(telemetry.StageAggregation)
	leaf = span.Span(telemetry.StageStateUpdate)
	w.update(in)
	leaf.End()
	return w.compute(span, closed)
}

// Close implements Windowed. A window that only a timer closes spans the time since the last Close and ends at now.
func (w *Window) Close(b telemetry.Batch, now time.Time) *event.Batch {
	closed := w.panes.Drain()
	if w.panes.Manual() {
		for i := range closed {
			w.delay.Observe(time.Since(now))
			closed[i].Start, closed[i].End = max(w.closed, now.Add(-w.size).UnixNano()), now.UnixNano()
		}
		w.closed = now.UnixNano()
	}
	n := count(events(closed))
	w.trigger(b.Span(telemetry.StageWindow, n), closed)
	return w.compute(b.Span(telemetry.StageAggregation, n), closed)
}

// accumulate says which panes the rows go to.
func (w *Window) accumulate(b telemetry.Batch, in *event.Batch) {
	var verdict window.Verdict
	moves, added, dropped := w.moves[:0], 0, 0
	for i := range in.Len() {
		r := in.Row(i)
		group, ok := w.group(r)
		if !ok {
			w.overflow(b, r)
			continue
		}
		if moves, verdict = w.panes.Assign(int32(i), group, r.Time(), moves); verdict != window.InTime {
			w.lateness.Observe(time.Duration(w.panes.Watermark - r.Time()))
		}
		switch verdict {
		case window.Dropped:
			b.Error(ErrorLateEvent, nil)
			dropped++
			continue
		case window.Accepted:
			w.accepted.Inc()
		}
		added++
	}
	w.moves = moves
	w.moved(added, 0)
	w.dropped.Add(dropped)
	w.late.Add(int64(dropped))
}

// trigger ends the span of a window, which says that panes are about to close, if any are.
func (w *Window) trigger(span telemetry.Span, closed []window.Pane) {
	if len(closed) > 0 {
		span.Span(telemetry.StageTrigger, count(events(closed))).End()
	}
	span.End()
}

func (w *Window) update(in *event.Batch) {
	for _, m := range w.moves {
		if m.Row == window.Join {
			w.groups.Merge(m.Slot, m.Group)
		} else {
			w.groups.Add(m.Slot, m.Group, in.Row(int(m.Row)))
		}
	}
}

// compute ends the span of an aggregation with the results of closed panes.
func (w *Window) compute(span telemetry.Span, closed []window.Pane) (out *event.Batch) {
	if len(closed) > 0 {
		start, leaf := time.Now(), span.Span(telemetry.StageCompute)
		out = w.results(closed)
		w.triggered(len(closed), out.Len(), start)
		leaf.End()
	}
	span.End()
	w.show(w.panes.Held, w.panes.Oldest, int64(w.panes.Held)*64)
	return out
}

func (w *Window) results(closed []window.Pane) *event.Batch {
	rows, left, columns := 0, 0, len(w.GroupBy)
	for _, p := range closed {
		rows, left = rows+w.groups.Len(p.Slot), left+p.Last
	}
	out := event.NewBatch(w.Out, rows)
	for _, p := range closed {
		w.groups.Take(p.Slot, func(group int32) []uint64 {
			r := out.Append()
			r.SetTime(p.End)
			copy(r[1:], w.keys.Words(max(group, p.Group)))
			r.SetInt(columns, p.Start)
			r.SetInt(columns+1, p.End)
			return r[columns+3:]
		})
	}
	w.moved(0, left)
	w.computed.Add(rows * len(w.Aggregates))
	return out
}

func events(panes []window.Pane) (n int) {
	for _, p := range panes {
		n += p.Count
	}
	return n
}

// Holds implements Windowed.
func (w *Window) Holds() bool { return w.panes.Held > 0 }

// MarshalBinary implements Durable.
func (w *Window) MarshalBinary() ([]byte, error) { return w.save(w.panes.State, window.LaneState{}) }

// UnmarshalBinary implements Durable.
func (w *Window) UnmarshalBinary(data []byte) error {
	state, err := w.load(data)
	if err == nil {
		w.panes.State = state.Panes
		w.show(w.panes.Held, w.panes.Oldest, int64(w.panes.Held)*64)
	}
	return err
}
