// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"slices"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
)

// Rows adds to each row the aggregates over the recent rows of its group, itself included. It costs a pass over those.
type Rows struct {
	selector
	lanes   *window.Lanes
	rows    []int      // of the batch at hand: those there was room for
	views   [][]uint64 // what their windows held right after them
	results []uint64
}

// NewRows aggregates over rows of in as far back as e says. kind is the value of window.type.
func NewRows(e window.Extent, kind string, in *event.Schema, sel Selection) *Rows {
	o := &Rows{lanes: window.NewLanes(e)}
	o.init(kind, e.String(), e.Span, in, sel)
	return o
}

// Process implements Operator.
func (w *Rows) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	span := b.Span(telemetry.StageWindow)
	leaf := span.Span(telemetry.StageAccumulate)
	w.accumulate(b, in)
	leaf.End()
	span.End()

	span = b.Span(telemetry.StageAggregation)
	leaf = span.Span(telemetry.StageStateUpdate)
	w.update()
	leaf.End()
	leaf = span.Span(telemetry.StageCompute)
	out := w.compute(in)
	leaf.End()
	span.End()
	w.show(0, w.lanes.Oldest(), w.lanes.Bytes)
	return out
}

func (w *Rows) accumulate(b telemetry.Batch, in *event.Batch) {
	w.lanes.Next()
	w.rows, w.views = w.rows[:0], w.views[:0]
	before := w.lanes.Inside
	for i := range in.Len() {
		if group, ok := w.group(in.Row(i)); ok {
			w.rows, w.views = append(w.rows, i), append(w.views, w.lanes.Push(group, in.Row(i)))
		} else {
			w.overflow(b, in.Row(i))
		}
	}
	n := len(w.rows)
	w.moved(n, before+n-w.lanes.Inside)
	w.triggers.Add(n)
}

func (w *Rows) update() {
	n := len(w.Aggregates)
	w.results = slices.Grow(w.results[:0], len(w.views)*n)[:len(w.views)*n]
	for i, rows := range w.views {
		w.groups.Over(rows, len(w.in.Columns)+1, w.results[i*n:])
	}
}

func (w *Rows) compute(in *event.Batch) *event.Batch {
	n, out := len(w.Aggregates), event.NewBatch(w.Out, len(w.rows))
	for i, row := range w.rows {
		r := out.Append()
		copy(r[copy(r, in.Row(row)):], w.results[i*n:])
	}
	w.computed.Add(len(w.results))
	return out
}

// Close implements Windowed: a row window owes nothing at the end.
func (w *Rows) Close(telemetry.Batch, time.Time) *event.Batch { return nil }

// Holds implements Windowed.
func (w *Rows) Holds() bool { return false }

// MarshalBinary implements Durable.
func (w *Rows) MarshalBinary() ([]byte, error) { return w.save(window.State{}, w.lanes.LaneState) }

// UnmarshalBinary implements Durable.
func (w *Rows) UnmarshalBinary(data []byte) error {
	state, err := w.load(data)
	if err == nil {
		w.lanes.LaneState = state.Lanes
		w.show(0, w.lanes.Oldest(), w.lanes.Bytes)
	}
	return err
}
