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
	table     *table.Table
	kind      semconv.JoinTypeValue
	key       int       // column of the stream
	columns   []int     // of the table
	nobody    event.Row // partner of the rows that have none; nil: they leave
	out       *event.Schema
	keys      []uint64 // of the batch at hand
	unmatched atomic.Int64

	handles                  Handles
	arrived, matches, misses *telemetry.Cell
	took                     *telemetry.Histogram
}

// NewTableJoin finds column key of in among the keys of t. Rows of the stream called out have the columns of in, then
// those of the table that are named. Without names they have all that in lacks.
func NewTableJoin(t *table.Table, kind semconv.JoinTypeValue, in *event.Schema, key string, columns []string, out string) (*TableJoin, error) {
	j := &TableJoin{table: t, kind: kind, out: &event.Schema{Stream: out, Columns: slices.Clone(in.Columns)}}
	at, ok := in.Index(key)
	j.key = at
	named := 0
	for i, c := range t.Schema.Columns {
		_, taken := in.Index(c.Name)
		if slices.Contains(columns, c.Name) && !taken {
			named++
		} else if len(columns) > 0 || taken || i == t.KeyColumn {
			continue
		}
		j.columns, j.out.Columns = append(j.columns, i), append(j.out.Columns, c)
	}
	wrong := ""
	switch {
	case kind != semconv.JoinTypeInner && kind != semconv.JoinTypeLeftOuter:
		wrong = fmt.Sprintf("it may be inner or left_outer, not %q", kind)
	case !ok || in.Columns[at].Type != t.Schema.Columns[t.KeyColumn].Type:
		wrong = fmt.Sprintf("the stream has no column %q of the type of the table's key", key)
	case named < len(columns):
		wrong = fmt.Sprintf("columns %q must be in the table, and not in the stream", columns)
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

// Kind implements Operator.
func (j *TableJoin) Kind() string { return "join" }

// Bind implements Operator.
func (j *TableJoin) Bind(h Handles) {
	join := h.Query.Join()
	j.handles, j.took = h, join.TableLookupDuration(j.table.Schema.Stream)
	j.arrived = h.Worker.Cell(join.Events(semconv.JoinSideLeft))
	j.matches = h.Worker.Cell(join.Matches(j.kind))
	j.misses = h.Worker.Cell(join.Misses(semconv.JoinSideLeft))
}

// Process implements Operator.
func (j *TableJoin) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	span := b.Span(telemetry.StageJoin, semconv.JoinType(j.kind))
	defer span.End()
	j.keys = j.keys[:0]
	for i := range in.Len() {
		j.keys = append(j.keys, in.Row(i)[j.key+1])
	}
	out, misses, errs := event.NewBatch(j.out, in.Len()), 0, map[int]error{}
	j.took.Observe(j.table.Lookup(j.keys, func(i int, partner event.Row, err error) bool {
		if err != nil {
			errs[i] = err
			return true
		}
		if partner == nil {
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
		return true
	}))
	j.handles.without(b, in, errs, ErrorTable, in.Schema)
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
