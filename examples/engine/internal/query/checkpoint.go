// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/operator"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/snapshot"
)

// state is what a query needs to go on after a restart.
type state struct {
	Operators map[int][]byte // by place in the query
	Sinks     map[int]int64
	Processed int64
	Emitted   int64
}

// checkpoint reports the state as it is between two batches and sends the
// barrier on.
func (q *Query) checkpoint(ctx context.Context, id uint64) error {
	q.held(ctx, AtCheckpoint)
	if q.Report != nil {
		data, err := q.Snapshot()
		q.Report(id, data, err)
	}
	return q.mark(ctx, junction.Message{Ctx: q.worker.Context(), Barrier: id})
}

// Snapshot returns the state between two batches. It is for the goroutine of Run,
// or for others before that.
func (q *Query) Snapshot() ([]byte, error) {
	s := state{Operators: map[int][]byte{}, Sinks: map[int]int64{}, Processed: q.processed.Load(), Emitted: q.emitted.Load()}
	for i, op := range q.Operators {
		if d, ok := op.(operator.Durable); ok {
			data, err := d.MarshalBinary()
			if err != nil {
				return nil, fmt.Errorf("could not save the %s of query %s: %w", op.Kind(), q.ID, err)
			}
			s.Operators[i] = data
		}
	}
	for i, o := range q.outlets {
		if p, ok := o.Sink.(sink.Positioned); ok {
			at, err := p.Position()
			if err != nil {
				return nil, fmt.Errorf("could not save the position of %s: %w", o.Target(), err)
			}
			s.Sinks[i] = at
		}
	}
	return snapshot.Encode(s)
}

// Restore sets the query to a state that it reported. Call it before Run.
func (q *Query) Restore(data []byte) error {
	var s state
	if err := snapshot.Decode(data, &s); err != nil {
		return fmt.Errorf("could not read the state of query %s: %w", q.ID, err)
	}
	for i, data := range s.Operators {
		d, ok := at(q.Operators, i).(operator.Durable)
		if !ok {
			return fmt.Errorf("query %s has changed since its checkpoint: its operator %d had state; remove the state to start anew", q.ID, i+1)
		}
		if err := d.UnmarshalBinary(data); err != nil {
			return fmt.Errorf("could not restore the %s of query %s: %w", d.Kind(), q.ID, err)
		}
	}
	for i, o := range q.outlets {
		if p, ok := o.Sink.(sink.Positioned); ok {
			if err := p.Recover(s.Sinks[i]); err != nil {
				return fmt.Errorf("could not restore %s: %w", o.Target(), err)
			}
		}
	}
	q.processed.Store(s.Processed)
	q.emitted.Store(s.Emitted)
	return nil
}

func at(ops []operator.Operator, i int) operator.Operator {
	if i >= len(ops) {
		return nil
	}
	return ops[i]
}
