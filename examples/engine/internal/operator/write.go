// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"errors"
	"fmt"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/rollup"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/snapshot"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/table"
)

// The values of error.type of rows that a table or an incremental aggregation could not take or find. They go to Failed.
const (
	ErrorTable       = "table"
	ErrorAggregation = "aggregation"
	ErrorFutureEvent = "future_event" // an incremental aggregation would close its buckets for it
)

// WriteTable upserts each row into a table and passes it on. A checkpoint has all rows of the table if it is in memory.
type WriteTable struct {
	base
	table   *table.Table
	out     *event.Schema
	columns []int // of out, by column of the table
	rows    []event.Row
}

// NewWriteTable writes the columns of out that have the names of those of t; out has the columns of the input.
func NewWriteTable(t *table.Table, out *event.Schema) (*WriteTable, error) {
	w := &WriteTable{base: base{kind: "table"}, table: t, out: out}
	for _, c := range t.Schema.Columns {
		i, ok := out.Index(c.Name)
		if !ok || out.Columns[i] != c {
			return nil, fmt.Errorf("could not write %s to table %s: it has no column %q of the same type", out.Stream, t.Schema.Stream, c.Name)
		}
		w.columns = append(w.columns, i)
	}
	return w, nil
}

// Process implements Operator. All rows are written at once or, if that fails, one by one.
func (w *WriteTable) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	w.rows = w.rows[:0]
	to, errs := event.NewBatch(w.table.Schema, in.Len()), map[int]error{}
	for i := range in.Len() {
		row := to.Append()
		row.SetTime(in.Row(i).Time())
		for n, c := range w.columns {
			row[n+1] = in.Row(i)[c+1]
		}
		w.rows = append(w.rows, row)
	}
	if w.table.Upsert(w.rows...) != nil {
		for i, row := range w.rows {
			if err := w.table.Upsert(row); err != nil {
				errs[i] = err
			}
		}
	}
	return w.without(b, in, w.out, ErrorTable, errs)
}

// MarshalBinary implements Durable.
func (w *WriteTable) MarshalBinary() ([]byte, error) {
	var rows []event.Row
	if w.table.File == "" {
		_ = w.table.Scan(func(r event.Row) bool { rows = append(rows, r); return true }) // memory does not fail
	}
	return snapshot.Encode(rows)
}

// UnmarshalBinary implements Durable.
func (w *WriteTable) UnmarshalBinary(data []byte) error {
	var rows []event.Row
	return errors.Join(snapshot.Decode(data, &rows), w.table.Upsert(rows...))
}

// Rollup adds each row to an incremental aggregation and passes it on.
type Rollup struct {
	*rollup.Rollup
	base
	out *event.Schema
}

// NewRollup returns an operator whose output has the columns of its input.
func NewRollup(r *rollup.Rollup, out *event.Schema) *Rollup {
	return &Rollup{r, base{kind: "aggregation"}, out}
}

// Process implements Operator.
func (r *Rollup) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	span := b.Span(telemetry.StageAggregation)
	defer span.End()
	leaf := span.Span(telemetry.StageStateUpdate)
	errs := r.Update(in)
	leaf.End()
	return r.without(b, in, r.out, ErrorAggregation, errs)
}
