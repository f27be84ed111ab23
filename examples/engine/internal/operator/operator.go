// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package operator holds what queries are made of: filter, window with
// aggregation, join. Each wraps a plain data structure and reports its stages
// as spans; it counts errors where they happen.
package operator

import (
	"encoding"
	"errors"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/rollup"
)

// The values of error.type that operators report.
const (
	ErrorExpression = "expression" // a filter expression failed on an event, which is dropped
	ErrorLateEvent  = "late_event" // an event came after its window had closed and is dropped
)

// Operator turns one batch into the next. It belongs to one goroutine, except
// where a method says otherwise.
type Operator interface {
	// Kind is the value of processor.type.
	Kind() string
	// Bind says through what the operator reports. It is called once, before
	// the first Process; without it nothing is reported.
	Bind(Handles)
	// Process reads in, which it must not change, and returns rows for the
	// next operator; nil or an empty batch means there are none.
	Process(b telemetry.Batch, in *event.Batch) *event.Batch
}

// Handles are what an operator reports through. Each may be nil.
type Handles struct {
	Query    *telemetry.Query
	Worker   *telemetry.Worker // of the goroutine that calls Process
	Operator *telemetry.Operator
	Window   *telemetry.Window // of a Windowed
	// Failed takes a row of a stream that the operator could not handle.
	Failed func(b telemetry.Batch, r event.Row, s *event.Schema, errorType string, err error)
}

// Durable is an Operator whose state survives a restart. Both methods are
// called by the goroutine of Process; UnmarshalBinary before the first batch.
// Interned texts keep their ids over a restart.
type Durable interface {
	Operator
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// Dropping is an Operator that throws events away which it should have handled.
type Dropping interface {
	Operator
	// Late is how many. Any goroutine may call it.
	Late() int64
}

// Stateful is an Operator that holds memory from one batch to the next.
type Stateful interface {
	Operator
	// Bytes estimates that memory. Any goroutine may call it.
	Bytes() int64
}

// Windowed is a Stateful that keeps events back.
type Windowed interface {
	Stateful
	// WindowType is the value of window.type.
	WindowType() string
	// Duration is how long a window is; 0 if something else bounds it.
	Duration() time.Duration
	// Oldest is the event time of the oldest event held; math.MaxInt64 if there is none. Any goroutine may call it.
	Oldest() int64
	// Holds reports whether Close would return rows.
	Holds() bool
	// Close ends every open window and returns its rows. It is called by a
	// timer or at the end of the input.
	Close(b telemetry.Batch, now time.Time) *event.Batch
}

// Watch has h report how long the windows of w are, and what they hold.
func Watch(w Windowed, h *telemetry.Window) {
	h.SetDuration(w.Duration()).SizeFunc(w.Bytes)
	h.OldestEventAge().Func(func() float64 {
		oldest := w.Oldest()
		if oldest == math.MaxInt64 {
			return 0
		}
		return max(time.Since(time.Unix(0, oldest)).Seconds(), 0)
	})
}

func count(n int) attribute.KeyValue { return attribute.Int("event.count", n) }

// base is what operators have in common.
type base struct {
	kind    string
	handles Handles
}

// Kind implements Operator.
func (x *base) Kind() string { return x.kind }

// Bind implements Operator.
func (x *base) Bind(h Handles) { x.handles = h }

// refuse reports a row that an operator could not handle.
func (x *base) refuse(b telemetry.Batch, r event.Row, s *event.Schema, errorType string, err error) {
	if b.Error(errorType, err); x.handles.Failed != nil {
		x.handles.Failed(b, r, s, errorType, err)
	}
}

// sift returns the rows to keep, by their number, as rows of out, and refuses those with an error. It copies nothing as
// long as every row stays.
func (x *base) sift(b telemetry.Batch, in *event.Batch, out *event.Schema, errorType string, keep func(i int) (bool, error)) (rows *event.Batch, refused int) {
	for i := range in.Len() {
		kept, err := keep(i)
		if err != nil {
			why := errorType
			if errors.Is(err, rollup.ErrFuture) {
				why = ErrorFutureEvent
			}
			x.refuse(b, in.Row(i), in.Schema, why, err)
			refused++
		}
		switch kept = kept && err == nil; {
		case kept && rows != nil:
			rows.AppendRow(in.Row(i))
		case !kept && rows == nil:
			rows = event.NewBatch(out, in.Len()-1)
			for before := range i {
				rows.AppendRow(in.Row(before))
			}
		}
	}
	if rows == nil {
		return in.As(out), 0
	}
	return rows, refused
}

// without refuses the rows that have an error, by their number, and returns the others as rows of out.
func (x *base) without(b telemetry.Batch, in *event.Batch, out *event.Schema, errorType string, errs map[int]error) *event.Batch {
	if len(errs) == 0 {
		return in.As(out)
	}
	rest, _ := x.sift(b, in, out, errorType, func(i int) (bool, error) { return true, errs[i] })
	return rest
}
