// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/table"
)

// Join adds the columns of a table to each row; rows without a partner leave the stream.
type Join struct {
	table     *table.Table
	key       int
	width     int // columns of the input
	out       *event.Schema
	unmatched atomic.Int64

	arrived, matches, misses *telemetry.Cell
}

// NewJoin looks up column key of in. out has the columns of in, then those of the table.
func NewJoin(t *table.Table, in *event.Schema, key string, out *event.Schema) *Join {
	return &Join{table: t, key: in.MustIndex(key), width: len(in.Columns), out: out}
}

// Kind implements Operator.
func (j *Join) Kind() string { return "join" }

// Bind implements Operator.
func (j *Join) Bind(h Handles) {
	join := h.Query.Join()
	j.arrived = h.Worker.Cell(join.Events(semconv.JoinSideLeft))
	j.matches = h.Worker.Cell(join.Matches(semconv.JoinTypeInner))
	j.misses = h.Worker.Cell(join.Misses(semconv.JoinSideLeft))
}

// Process implements Operator.
func (j *Join) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	span := b.Span(telemetry.StageJoin, attribute.String("eventflux.join.type", "inner"))
	defer span.End()
	out := event.NewBatch(j.out, in.Len())
	for i := range in.Len() {
		row := in.Row(i)
		values, ok := j.table.Find(row.Symbol(j.key))
		if !ok {
			continue
		}
		joined := out.Append()
		copy(joined, row)
		for c, v := range values {
			joined.SetSymbol(j.width+c, v)
		}
	}
	j.count(in.Len(), out.Len())
	return out
}

func (j *Join) count(arrived, matched int) {
	j.arrived.Add(arrived)
	j.matches.Add(matched)
	j.misses.Add(arrived - matched)
	j.unmatched.Add(int64(arrived - matched))
}

// Bytes implements Stateful: the table is this query's alone.
func (j *Join) Bytes() int64 { return j.table.Bytes() }

// Unmatched is the number of rows that had no partner. Any goroutine may call it.
func (j *Join) Unmatched() int64 { return j.unmatched.Load() }
