// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"bytes"
	"encoding/gob"
	"fmt"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/rollup"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/table"
)

// The values of error.type of rows that one of these operators had no room for, or that its disk failed.
const (
	ErrorTable       = "table"
	ErrorAggregation = "aggregation"
)

// WriteTable upserts each row into a table and passes it on. A checkpoint has the rows of the table if they are in memory.
type WriteTable struct {
	table   *table.Table
	handles Handles
	out     *event.Schema
	columns []int // of out, by column of the table
	rows    []event.Row
}

// NewWriteTable writes the columns of out that have the names of those of t; out has the columns of the input.
func NewWriteTable(t *table.Table, out *event.Schema) (*WriteTable, error) {
	w := &WriteTable{table: t, out: out}
	for _, c := range t.Schema.Columns {
		i, ok := out.Index(c.Name)
		if !ok || out.Columns[i].Type != c.Type {
			return nil, fmt.Errorf("could not write %s to table %s: it lacks column %q, or that is of another type", out.Stream, t.Schema.Stream, c.Name)
		}
		w.columns = append(w.columns, i)
	}
	return w, nil
}

// Kind implements Operator.
func (w *WriteTable) Kind() string { return "table" }

// Bind implements Operator.
func (w *WriteTable) Bind(h Handles) { w.handles = h }

// Process implements Operator. All rows are written at once; if that fails, one by one.
func (w *WriteTable) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	to := event.NewBatch(w.table.Schema, in.Len())
	w.rows = w.rows[:0]
	for i := range in.Len() {
		from, row := in.Row(i), to.Append()
		row.SetTime(from.Time())
		for n, c := range w.columns {
			row[n+1] = from[c+1]
		}
		w.rows = append(w.rows, row)
	}
	errs := map[int]error{}
	if w.table.Upsert(w.rows...) != nil {
		for i, row := range w.rows {
			if err := w.table.Upsert(row); err != nil {
				errs[i] = err
			}
		}
	}
	return w.handles.fail(b, in, w.out, ErrorTable, errs)
}

// MarshalBinary implements Durable.
func (w *WriteTable) MarshalBinary() ([]byte, error) {
	var rows []event.Row
	if w.table.File == "" {
		_ = w.table.Scan(func(r event.Row) bool { rows = append(rows, r); return true }) // memory does not fail
	}
	var to bytes.Buffer
	err := gob.NewEncoder(&to).Encode(rows)
	return to.Bytes(), err
}

// UnmarshalBinary implements Durable.
func (w *WriteTable) UnmarshalBinary(data []byte) error {
	var rows []event.Row
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&rows); err != nil {
		return fmt.Errorf("could not restore table %s: %w", w.table.Schema.Stream, err)
	}
	return w.table.Upsert(rows...)
}

// Rollup adds rows to an incremental aggregation and passes them on.
type Rollup struct {
	*rollup.Rollup
	handles Handles
	out     *event.Schema
}

// NewRollup returns an operator whose output has the columns of its input.
func NewRollup(r *rollup.Rollup, out *event.Schema) *Rollup { return &Rollup{Rollup: r, out: out} }

// Kind implements Operator.
func (r *Rollup) Kind() string { return "aggregation" }

// Bind implements Operator.
func (r *Rollup) Bind(h Handles) { r.handles = h }

// Process implements Operator.
func (r *Rollup) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	span := b.Span(telemetry.StageAggregation)
	leaf := span.Span(telemetry.StageStateUpdate)
	errs := r.Update(in)
	leaf.End()
	span.End()
	return r.handles.fail(b, in, r.out, ErrorAggregation, errs)
}

// fail reports the rows that have an error and returns the others as rows of out.
func (h Handles) fail(b telemetry.Batch, in *event.Batch, out *event.Schema, errorType string, errs map[int]error) *event.Batch {
	if len(errs) == 0 {
		return in.As(out)
	}
	rest := event.NewBatch(out, in.Len())
	for i := range in.Len() {
		row, err := in.Row(i), errs[i]
		if err == nil {
			rest.AppendRow(row)
			continue
		}
		b.Error(errorType, err)
		if h.Failed != nil {
			h.Failed(b, row, in.Schema, errorType, err)
		}
	}
	return rest
}
