// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"slices"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/operator"
)

// step is one operator with the counts that every operator has. They are cells
// of the query's worker, because they move with every batch.
type step struct {
	operator.Operator

	in, out *telemetry.Cell
}

// bind gives an operator its handles, once, at deploy.
func (q *Query) bind(i int, op operator.Operator) step {
	h := operator.Handles{
		Query: q.handle, Worker: q.worker,
		Operator: q.handle.Operator(op.Kind(), fmt.Sprintf("%s_%d", op.Kind(), i+1)), Failed: q.Failed,
	}
	if w, ok := op.(operator.Windowed); ok {
		h.Window = q.handle.Window(w.WindowType())
		operator.Watch(w, h.Window)
	}
	op.Bind(h)
	return step{Operator: op, in: q.worker.Cell(h.Operator.EventsIn()), out: q.worker.Cell(h.Operator.EventsOut())}
}

// through passes rows from operator to operator until none are left.
func through(b telemetry.Batch, steps []step, rows *event.Batch) *event.Batch {
	for i := range steps {
		if rows.Len() == 0 {
			return nil
		}
		s := &steps[i]
		s.in.Add(rows.Len())
		rows = s.Process(b, rows)
		s.out.Add(rows.Len())
	}
	return rows
}

// Dropped is the number of events that operators threw away although they should
// have handled them. Any goroutine may call it.
func (q *Query) Dropped() (total int64) {
	for _, op := range q.Operators {
		if d, ok := op.(operator.Dropping); ok {
			total += d.Late()
		}
	}
	return total
}

// Unmatched is the number of rows that found no partner in a table. Any goroutine
// may call it.
func (q *Query) Unmatched() (total int64) {
	for _, op := range q.Operators {
		if j, ok := op.(interface{ Unmatched() int64 }); ok {
			total += j.Unmatched()
		}
	}
	return total
}

// StateBytes is the memory of what operators of the given kinds, or all of them,
// hold from batch to batch. Any goroutine may call it.
func (q *Query) StateBytes(kinds ...string) (total int64) {
	for _, op := range q.Operators {
		s, ok := op.(operator.Stateful)
		if ok && (len(kinds) == 0 || slices.Contains(kinds, op.Kind())) {
			total += s.Bytes()
		}
	}
	return total
}
