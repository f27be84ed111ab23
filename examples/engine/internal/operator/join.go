// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/table"
)

// TableJoin adds columns of a table to each row. Rows without a partner leave the stream if the join is inner; if it is
// left_outer they get NaN, 0 and "".
type TableJoin struct {
	base
	table     *table.Table
	how       semconv.JoinTypeValue
	key, on   int       // columns of the stream and the table
	columns   []int     // of the table
	nobody    event.Row // partner of the rows that have none; nil: they leave
	out       *event.Schema
	keys      []uint64 // of the batch at hand
	unmatched atomic.Int64

	arrived, matches, misses *telemetry.Cell
	took                     *telemetry.Histogram
}

// NewTableJoin looks column key of in up in column on of t, its key or one with an index, which may have several rows.
// Rows of the stream called out have the columns of in, then those of the table that in lacks.
func NewTableJoin(t *table.Table, kind semconv.JoinTypeValue, in *event.Schema, key, on, out string) (*TableJoin, error) {
	j := &TableJoin{base: base{kind: "join"}, table: t, how: kind, out: &event.Schema{Stream: out, Columns: slices.Clone(in.Columns)}}
	at, ok := in.Index(key)
	column, searchable := t.Searchable(on)
	j.key, j.on = at, column
	for i, c := range t.Schema.Columns {
		if _, taken := in.Index(c.Name); !taken && i != column {
			j.columns, j.out.Columns = append(j.columns, i), append(j.out.Columns, c)
		}
	}
	wrong := ""
	switch {
	case kind != semconv.JoinTypeInner && kind != semconv.JoinTypeLeftOuter:
		wrong = fmt.Sprintf("it may be inner or left_outer, not %q", kind)
	case !searchable:
		wrong = fmt.Sprintf("%q is neither its key, %s, nor one of its indexes, %s", on, t.Key, t.Indexes)
	case !ok || in.Columns[at].Type != t.Schema.Columns[column].Type:
		wrong = fmt.Sprintf("the stream has no column %q of the type of the table's %q", key, on)
	}
	if wrong != "" {
		return nil, fmt.Errorf("could not join %s with table %s: %s", in.Stream, t.Schema.Stream, wrong)
	}
	if kind == semconv.JoinTypeInner {
		return j, nil
	}
	blank, err := t.Names.Intern("")
	j.nobody = make(event.Row, 1+len(t.Schema.Columns))
	for i, c := range t.Schema.Columns {
		switch c.Type {
		case event.Float:
			j.nobody.SetFloat(i, math.NaN())
		case event.Symbol:
			j.nobody.SetSymbol(i, blank)
		}
	}
	return j, err
}

// Schema is that of the rows that come out.
func (j *TableJoin) Schema() *event.Schema { return j.out }

// Bind implements Operator.
func (j *TableJoin) Bind(h Handles) {
	join := h.Query.Join()
	j.handles, j.took = h, join.TableLookupDuration(j.table.Schema.Stream)
	j.arrived = h.Worker.Cell(join.Events(semconv.JoinSideLeft))
	j.matches = h.Worker.Cell(join.Matches(j.how))
	j.misses = h.Worker.Cell(join.Misses(semconv.JoinSideLeft))
}

// Process implements Operator.
func (j *TableJoin) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	span := b.Span(telemetry.StageJoin, semconv.JoinType(j.how))
	defer span.End()
	j.keys = j.keys[:0]
	for i := range in.Len() {
		j.keys = append(j.keys, in.Row(i)[j.key+1])
	}
	out, misses, errs := event.NewBatch(j.out, in.Len()), 0, map[int]error{}
	j.took.Observe(j.table.Lookup(j.on, j.keys, func(i int, partner event.Row, err error) {
		switch {
		case err != nil:
			errs[i] = err
		case partner == nil:
			misses++
			partner = j.nobody
		}
		if partner != nil {
			row := out.Append()
			at := copy(row, in.Row(i))
			for n, c := range j.columns {
				row[at+n] = partner[c+1]
			}
		}
	}))
	j.without(b, in, in.Schema, ErrorTable, errs)
	j.arrived.Add(in.Len())
	j.matches.Add(out.Len())
	j.misses.Add(misses)
	if j.nobody == nil {
		j.unmatched.Add(int64(misses))
	}
	return out
}

// Unmatched is the number of rows that left the stream because they had no partner. Any goroutine may call it.
func (j *TableJoin) Unmatched() int64 { return j.unmatched.Load() }
