// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/enginetest"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/rollup"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/table"
)

// companies is a table of symbol, name and sector unless cfg has a schema.
func companies(t *testing.T, cfg table.Config, rows [][]string) *table.Table {
	t.Helper()
	cfg.Schema = cmp.Or(cfg.Schema, &event.Schema{Stream: "Companies", Columns: []event.Column{
		{Name: "symbol", Type: event.Symbol}, {Name: "name", Type: event.Symbol}, {Name: "sector", Type: event.Symbol},
	}})
	cfg.Key = cmp.Or(cfg.Key, "symbol")
	tbl, err := table.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tbl.Close() })
	if err := tbl.Load(rows); err != nil {
		t.Fatal(err)
	}
	return tbl
}

var ranks = &event.Schema{Stream: "Ranks", Columns: []event.Column{
	{Name: "note", Type: event.Symbol}, {Name: "volume", Type: event.Int}, {Name: "share", Type: event.Float}, {Name: "rank", Type: event.Int},
}}

func TestALeftOuterJoinKeepsRowsWithoutAPartner(t *testing.T) {
	var names event.Symbols
	for range 3 {
		_, _ = names.Intern("not blank")
	}
	r := report(t)
	tbl := companies(t, table.Config{Schema: ranks, Key: "volume", Names: &names, App: r.sdk.App("test")}, [][]string{
		{"few", "1", "0.5", "10"}, {"many", "3", "0.25", "30"},
	})
	for _, kind := range []semconv.JoinTypeValue{semconv.JoinTypeInner, semconv.JoinTypeLeftOuter} {
		j, err := NewTableJoin(tbl, kind, enginetest.Stock, "volume", "volume", "Out")
		if err != nil {
			t.Fatal(err)
		}
		j.Bind(r.handles(j))
		all, got := trades(1000), [][]any(nil)
		for chunk := range slices.Chunk(all, 60) {
			out := r.process(j, batchOf(enginetest.Stock, chunk))
			for i := range out.Len() {
				row, values := out.Row(i), []any{out.Row(i).Time()}
				for c, column := range out.Schema.Columns {
					switch column.Type {
					case event.Float:
						values = append(values, row.Float(c))
					case event.Symbol:
						values = append(values, names.Name(row.Symbol(c)))
					default:
						values = append(values, row.Int(c))
					}
				}
				got = append(got, values)
			}
		}
		want, alone := [][]any(nil), 0
		for _, e := range all {
			values := []any{e.at, names.Name(e.symbol), e.price, e.volume}
			partner, ok := map[int64][]any{1: {"few", 0.5, int64(10)}, 3: {"many", 0.25, int64(30)}}[e.volume]
			if !ok {
				alone++
				partner = []any{"", math.NaN(), int64(0)}
			}
			if kind == semconv.JoinTypeLeftOuter || ok {
				want = append(want, append(values, partner...))
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || alone == 0 { // as texts, NaN is like NaN
			t.Errorf("%s gave %d rows, want %d: %v, %v", kind, len(got), len(want), got[:3], want[:3])
		}
		if left := int64(len(all) - len(got)); j.Unmatched() != left || (kind == semconv.JoinTypeInner) != (left > 0) {
			t.Errorf("%s: %d rows left, Unmatched() = %d", kind, left, j.Unmatched())
		}
		if totals := r.flush(t); totals["eventflux.join.matches "+string(kind)] != int64(len(got)) {
			t.Errorf("%s: %d matches are counted", kind, totals["eventflux.join.matches "+string(kind)])
		}
	}
	totals, perKind := r.flush(t), int64(1000)
	for name, want := range map[string]int64{
		"eventflux.join.events left": 2 * perKind, "eventflux.join.table.lookup.duration": 2 * 17,
		"eventflux.table.operations Ranks find memory success": 2 * perKind, "eventflux.table.operations Ranks upsert memory success": 2,
		"eventflux.table.rows.stored Ranks memory": 2, "eventflux.table.size Ranks memory": tbl.Bytes(),
	} {
		if got, ok := totals[name]; !ok || got != want {
			t.Errorf("%s = %d, want %d", name, got, want)
		}
	}
	if r.spans["join.process"] == 0 {
		t.Errorf("no span of the join in %v", r.spans)
	}
}

func TestJoinsThatCannotWorkAreRefused(t *testing.T) {
	tbl := companies(t, table.Config{Schema: ranks, Key: "volume", Names: &event.Symbols{}}, nil)
	text := companies(t, table.Config{Names: &event.Symbols{}}, nil)
	join := func(tbl *table.Table, kind semconv.JoinTypeValue, key, on string) error {
		_, err := NewTableJoin(tbl, kind, enginetest.Stock, key, on, "Out")
		return err
	}
	_, write := NewWriteTable(text, enginetest.Stock)
	tests := map[string]error{
		`no column "id"`: join(tbl, semconv.JoinTypeInner, "id", "volume"),
		`no column "price" of the type of the table's "volume"`:           join(tbl, semconv.JoinTypeInner, "price", "volume"),
		`"rank" is neither its key, volume, nor one of its indexes, []`:   join(tbl, semconv.JoinTypeInner, "volume", "rank"),
		`"colour" is neither its key, volume, nor one of its indexes, []`: join(tbl, semconv.JoinTypeInner, "volume", "colour"),
		`inner or left_outer, not "full_outer"`:                           join(tbl, semconv.JoinTypeFullOuter, "volume", "volume"),
		`has no column "name" of the same type`:                           write,
	}
	for want, err := range tests {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want it to say %q", err, want)
		}
	}
}

func TestAJoinByAnIndexGivesEveryRowWithTheValue(t *testing.T) {
	for _, file := range []string{"", filepath.Join(t.TempDir(), "t.db")} {
		names := &event.Symbols{}
		tbl := companies(t, table.Config{Names: names, File: file, Indexes: []string{"sector"}}, [][]string{
			{"a", "A", "x"}, {"b", "B", "y"}, {"c", "C", "x"}, {"d", "D", "x"},
		})
		if err := tbl.Load([][]string{{"d", "D", "y"}}); err != nil { // it moves
			t.Fatal(err)
		}
		sectors := &event.Schema{Stream: "News", Columns: []event.Column{{Name: "about", Type: event.Symbol}}}
		j, err := NewTableJoin(tbl, semconv.JoinTypeInner, sectors, "about", "sector", "Out")
		if err != nil {
			t.Fatal(err)
		}
		in := event.NewBatch(sectors, 3)
		for _, about := range []string{"x", "none", "y"} {
			id, _ := names.Intern(about)
			in.Append().SetSymbol(0, id)
		}
		out, got := j.Process(none, in), []string(nil)
		for i := range out.Len() {
			got = append(got, names.Name(out.Row(i).Symbol(0))+" "+names.Name(out.Row(i).Symbol(1))+" "+names.Name(out.Row(i).Symbol(2)))
		}
		if want := []string{"x a A", "x c C", "y b B", "y d D"}; !slices.Equal(got, want) || j.Unmatched() != 1 {
			t.Errorf("%q, want %q; %d without a partner", got, want, j.Unmatched())
		}
	}
}

// refused collects the rows that an operator could not handle.
func refused(h Handles, into *[]string) Handles {
	h.Failed = func(_ telemetry.Batch, r event.Row, s *event.Schema, errorType string, err error) {
		*into = append(*into, fmt.Sprint(s.Stream, " ", r.Time(), " ", errorType, ": ", err))
	}
	return h
}

func TestRowsThatAStoreCannotFindAreRefused(t *testing.T) {
	names, r := &event.Symbols{}, report(t)
	tbl := companies(t, table.Config{Names: names, File: filepath.Join(t.TempDir(), "t.db"), Cache: 2, App: r.sdk.App("test")}, [][]string{
		{"a", "A", "x"}, {"b", "B", "x"}, {"c", "C", "y"},
	})
	j, err := NewTableJoin(tbl, semconv.JoinTypeLeftOuter, enginetest.Stock, "symbol", "symbol", "Out")
	if err != nil {
		t.Fatal(err)
	}
	var failures []string
	j.Bind(refused(r.handles(j), &failures))
	a, _ := names.Intern("a")
	one := trade{at: 1, symbol: a}
	two := trade{at: 2, symbol: a + 99}
	if out := r.process(j, batchOf(enginetest.Stock, []trade{one, one, two})); out.Len() != 3 || names.Name(out.Row(1).Symbol(3)) != "A" {
		t.Errorf("%d rows", out.Len())
	}
	totals := r.flush(t)
	hits, misses := totals["eventflux.table.cache.lookups hit Companies store"], totals["eventflux.table.cache.lookups miss Companies store"]
	if hits+misses != 3 || hits == 0 || totals["eventflux.table.cache.evictions Companies store"] < 2 || totals["eventflux.table.rows.stored Companies store"] != 2 {
		t.Errorf("hits %d, misses %d", hits, misses)
	}
	if err := tbl.Close(); err != nil {
		t.Fatal(err)
	}
	if out := r.process(j, batchOf(enginetest.Stock, []trade{one, {at: 3, symbol: a + 98}})); out.Len() != 1 { // the first is in the cache
		t.Errorf("%d rows", out.Len())
	}
	if len(failures) != 1 || !strings.HasPrefix(failures[0], "StockStream 3 table: could not read table Companies") {
		t.Errorf("failures: %q", failures)
	}
}

func TestWriteTablePassesOnWhatTheTableTook(t *testing.T) {
	for _, file := range []string{"", filepath.Join(t.TempDir(), "t.db")} {
		names, cfg := &event.Symbols{}, table.Config{MaxRows: 4, File: file}
		for i := range 6 {
			_, _ = names.Intern(fmt.Sprint("s", i))
		}
		cfg.Names = names
		cfg.Schema = &event.Schema{Stream: "Last", Columns: []event.Column{{Name: "price", Type: event.Float}, {Name: "symbol", Type: event.Symbol}}}
		tbl := companies(t, cfg, nil)
		all, last, passed, failed := trades(300), map[event.ID]trade{}, 0, []string(nil)
		var w *WriteTable
		for n := 0; n < len(all); n += 10 {
			if n%100 == 0 { // as after a restart
				state := []byte(nil)
				if w != nil {
					var err error
					if state, err = w.MarshalBinary(); err != nil {
						t.Fatal(err)
					}
					_ = tbl.Close()
					tbl = companies(t, cfg, nil)
				}
				var err error
				if w, err = NewWriteTable(tbl, enginetest.Filtered); err != nil {
					t.Fatal(err)
				}
				w.Bind(refused(Handles{}, &failed))
				if state != nil {
					if err := w.UnmarshalBinary(state); err != nil {
						t.Fatal(err)
					}
				}
			}
			in := batchOf(enginetest.Stock, all[n:n+10])
			out := w.Process(none, in)
			if out.Schema != enginetest.Filtered {
				t.Fatal(out.Schema.Stream)
			}
			for i := range out.Len() {
				last[out.Row(i).Symbol(0)] = trade{at: out.Row(i).Time(), price: out.Row(i).Float(1)}
			}
			passed += out.Len()
		}
		if len(last) != 4 || tbl.Len() != 4 || len(failed) == 0 || passed+len(failed) != len(all) {
			t.Fatalf("%d keys, %d rows, %d passed, %d refused", len(last), tbl.Len(), passed, len(failed))
		}
		if !strings.Contains(failed[0], "table: could not change table Last: 5 rows would exceed max_rows, 4") {
			t.Error(failed[0])
		}
		for symbol, e := range last {
			tbl.Lookup(tbl.KeyColumn, []uint64{uint64(symbol)}, func(_ int, row event.Row, err error) {
				if err != nil || row.Time() != e.at || row.Float(0) != e.price {
					t.Errorf("row of %d is %v, %v; want %v", symbol, row, err, e)
				}
			})
		}
	}
}

func TestRollupPassesOnWhatItAddedUp(t *testing.T) {
	r := report(t)
	agg, err := rollup.New(rollup.Config{
		Name: "Agg", In: enginetest.Stock, Values: []string{"price"}, Group: "symbol", App: r.sdk.App("test"),
		Levels: []rollup.Level{{Every: time.Second, Keep: time.Minute}, {Every: time.Minute, Keep: 2 * time.Minute}},
	})
	if err != nil {
		t.Fatal(err)
	}
	op := NewRollup(agg, enginetest.Filtered)
	var durable Durable = op
	var failures []string
	durable.Bind(refused(r.handles(op), &failures))
	at := func(seconds ...int64) (out []trade) {
		for _, s := range seconds {
			out = append(out, trade{at: s * 1e9, symbol: event.ID(s % 2)})
		}
		return out
	}
	if out := r.process(op, batchOf(enginetest.Stock, at(0, 1, 1, 62, 3))); out.Len() != 5 || out.Schema != enginetest.Filtered || len(failures) > 0 {
		t.Errorf("%d rows of %s, %q", out.Len(), out.Schema.Stream, failures)
	}
	out := r.process(op, batchOf(enginetest.Stock, at(300, 10, 301)))
	if out.Len() != 2 || out.Row(1).Time() != 301e9 || len(failures) != 1 || !strings.HasPrefix(failures[0], "StockStream 10000000000 aggregation: ") {
		t.Errorf("%d rows, %q", out.Len(), failures)
	}
	ahead := event.NewBatch(enginetest.Stock, 2)
	for _, lead := range []time.Duration{9 * time.Minute, 11 * time.Minute} {
		ahead.AppendRow(batchOf(enginetest.Stock, []trade{{at: time.Now().Add(lead).UnixNano()}}).Row(0))
	}
	other, err := rollup.New(rollup.Config{Name: "Other", In: enginetest.Stock, Levels: []rollup.Level{{Every: time.Second, Keep: time.Minute}}})
	if err != nil {
		t.Fatal(err)
	}
	future := NewRollup(other, enginetest.Filtered)
	future.Bind(refused(r.handles(future), &failures))
	if out := r.process(future, ahead); out.Len() != 1 || len(failures) != 2 || !strings.Contains(failures[1], " future_event: could not add to aggregation Other") {
		t.Errorf("%d rows passed, %q", out.Len(), failures)
	}
	if found, err := agg.Find(time.Second, math.MinInt64, math.MaxInt64); err != nil || found.Len() != 2 {
		t.Errorf("%d rows are found, %v", found.Len(), err)
	}
	totals := r.flush(t)
	for name, want := range map[string]int64{
		"query.execution.errors future_event":        1,
		"eventflux.aggregation.events.processed Agg": 7, "eventflux.aggregation.update.duration": 2, "eventflux.aggregation.query.duration": 1,
		"eventflux.aggregation.groups.active seconds Agg": 1, "eventflux.aggregation.groups.active minutes Agg": 1,
		"eventflux.aggregation.rollups seconds Agg": 4, "eventflux.aggregation.rollups minutes Agg": 0, "eventflux.aggregation.rows.purged Agg": 7,
	} {
		if totals[name] != want {
			t.Errorf("%s = %d, want %d", name, totals[name], want)
		}
	}
	if r.spans["aggregation.state.update"] == 0 {
		t.Errorf("no spans of the aggregation in %v", r.spans)
	}
}
