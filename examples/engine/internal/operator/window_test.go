// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/aggregate"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
)

// tick is a stream with a column of every type.
var tick = &event.Schema{Stream: "Tick", Columns: []event.Column{
	{Name: "symbol", Type: event.Symbol}, {Name: "price", Type: event.Float}, {Name: "volume", Type: event.Int}, {Name: "sent", Type: event.Time},
}}

// ticks go on slowly and jump back by up to jitter. Prices are quarters, so sums are exact in any order.
func ticks(seed uint64, n, jitter int) []event.Row {
	rng, b, at := rand.New(rand.NewPCG(seed, 1)), event.NewBatch(tick, n), int64(-300)
	var rows []event.Row
	for range n {
		at += int64(rng.IntN(4))
		if rng.IntN(40) == 0 {
			at += 70
		}
		r := b.Append()
		r.SetTime(at - int64(rng.IntN(jitter)))
		r.SetSymbol(0, event.ID(rng.IntN(5)))
		r.SetFloat(1, float64(rng.IntN(400)-100)/4)
		r.SetInt(2, int64(rng.IntN(3)))
		r.SetInt(3, int64(rng.IntN(1000)))
		rows = append(rows, r)
	}
	return rows
}

func batchOfRows(s *event.Schema, rows []event.Row) *event.Batch {
	b := event.NewBatch(s, len(rows))
	for _, r := range rows {
		b.AppendRow(r)
	}
	return b
}

func rowsOf(b *event.Batch) (rows []event.Row) {
	for i := range b.Len() {
		rows = append(rows, b.Row(i))
	}
	return rows
}

// some of the functions; that each is right is for package aggregate to show.
var some = []aggregate.Spec{
	{Func: aggregate.Count},
	{Func: aggregate.Sum, Column: 2, Type: event.Int},
	{Func: aggregate.Avg, Column: 1, Type: event.Float},
	{Func: aggregate.Min, Column: 1, Type: event.Float},
	{Func: aggregate.Max, Column: 2, Type: event.Int},
	{Func: aggregate.Distinct, Column: 0, Type: event.Symbol},
	{Func: aggregate.First, Column: 3, Type: event.Time},
	{Func: aggregate.Last, Column: 0, Type: event.Symbol},
}

// plainSome works some out over a list of rows.
func plainSome(rows []event.Row) (out []uint64) {
	var volume, most int64
	prices, low, symbols := 0.0, math.Inf(1), map[event.ID]bool{}
	first, last := rows[0], rows[0]
	for i, r := range rows {
		volume, prices, low, symbols[r.Symbol(0)] = volume+r.Int(2), prices+r.Float(1), min(low, r.Float(1)), true
		if most = max(most, r.Int(2)); i > 0 && r.Time() < first.Time() {
			first = r
		}
		if r.Time() >= last.Time() {
			last = r
		}
	}
	return []uint64{
		uint64(len(rows)), uint64(volume), math.Float64bits(prices / float64(len(rows))), math.Float64bits(low), uint64(most),
		uint64(len(symbols)), uint64(first.Int(3)), uint64(last.Symbol(0)),
	}
}

func selection(t *testing.T, groupBy []int, panes bool) Selection {
	t.Helper()
	s, err := selectionOf(tick, groupBy, some, panes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func selectionOf(in *event.Schema, groupBy []int, specs []aggregate.Spec, panes bool) (Selection, error) {
	out, err := OutSchema("Out", in, groupBy, panes)
	for i, s := range specs {
		t, _ := s.Func.Type(s.Type)
		out.Columns = append(out.Columns, event.Column{Name: fmt.Sprint("a", i), Type: t})
	}
	return Selection{groupBy, specs, out}, err
}

func newWindow(t *testing.T, c window.Config, kind string, groupBy []int) *Window {
	t.Helper()
	panes, err := window.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return NewWindow(panes, kind, c.Size, tick, selection(t, groupBy, true))
}

// pane is a window of the plain reimplementation; of sessions one per group.
type pane struct {
	start, end int64
	rows       []event.Row
}

// plain passes rows in batches through windows and keeps them all in lists.
type plainWindow struct {
	window.Config
	groupBy   []int
	watermark int64
	panes     []*pane
	late      int64
}

func (p *plainWindow) key(r event.Row) (key string) {
	for _, c := range p.groupBy {
		key += fmt.Sprint(r[c+1], " ")
	}
	return key
}

func (p *plainWindow) done(a *pane) bool {
	if p.Length > 0 {
		return len(a.rows) == p.Length
	}
	return p.Size+p.Gap > 0 && a.end <= p.watermark
}

func (p *plainWindow) take(r event.Row) {
	t, size, slide, gap := r.Time(), int64(p.Size), int64(cmp.Or(p.Slide, p.Size)), int64(p.Gap)
	p.watermark = max(p.watermark, t-int64(p.Delay))
	switch {
	case p.Size > 0:
		newest := int64(math.Floor(float64(t)/float64(slide))) * slide
		if newest+size <= p.watermark && !p.Accept {
			p.late++
		}
		for start := newest; start > t-size; start -= slide {
			if start+size > p.watermark || p.Accept {
				a := p.at(func(a *pane) bool { return a.start == start }, start, start+size)
				a.rows = append(a.rows, r)
			}
		}
	case p.Gap > 0:
		near := func(a *pane) bool {
			return p.key(a.rows[0]) == p.key(r) && !p.done(a) && t < a.end && a.start < t+gap
		}
		if !slices.ContainsFunc(p.panes, near) && t+gap <= p.watermark && !p.Accept {
			p.late++
			return
		}
		joined := &pane{t, t + gap, nil}
		p.panes = slices.DeleteFunc(p.panes, func(a *pane) bool {
			if !near(a) {
				return false
			}
			joined.rows = append(joined.rows, a.rows...)
			joined.start, joined.end = min(joined.start, a.start), max(joined.end, a.end)
			return true
		})
		joined.rows = append(joined.rows, r)
		p.panes = append(p.panes, joined)
	default:
		a := p.at(func(a *pane) bool { return !p.done(a) }, t, t)
		a.rows, a.start, a.end = append(a.rows, r), min(a.start, t), max(a.end, t)
	}
}

func (p *plainWindow) at(is func(*pane) bool, start, end int64) *pane {
	if i := slices.IndexFunc(p.panes, is); i >= 0 {
		return p.panes[i]
	}
	p.panes = append(p.panes, &pane{start, end, nil})
	return p.panes[len(p.panes)-1]
}

// results takes the panes out for which done holds: a row per group in order of first use.
func (p *plainWindow) results(done func(*pane) bool) (out []event.Row) {
	var closed []*pane
	p.panes = slices.DeleteFunc(p.panes, func(a *pane) bool {
		if done(a) {
			closed = append(closed, a)
			return true
		}
		return false
	})
	if p.Length == 0 {
		slices.SortStableFunc(closed, func(a, b *pane) int { return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.start, b.start)) })
	}
	for _, a := range closed {
		var order []string
		groups := map[string][]event.Row{}
		for _, r := range a.rows {
			if groups[p.key(r)] == nil {
				order = append(order, p.key(r))
			}
			groups[p.key(r)] = append(groups[p.key(r)], r)
		}
		for _, key := range order {
			r := event.Row{uint64(a.end)}
			for _, c := range p.groupBy {
				r = append(r, groups[key][0][c+1])
			}
			out = append(out, append(append(r, uint64(a.start), uint64(a.end)), plainSome(groups[key])...))
		}
	}
	return out
}

var configs = map[string]window.Config{
	"tumbling":          {Size: 20},
	"tumbling, delay":   {Size: 20, Delay: 25},
	"tumbling, accept":  {Size: 20, Accept: true},
	"hopping":           {Size: 20, Slide: 5},
	"hopping, delay":    {Size: 20, Slide: 7, Delay: 10},
	"hopping, accept":   {Size: 20, Slide: 5, Delay: 5, Accept: true},
	"session":           {Gap: 6},
	"session, delay":    {Gap: 9, Delay: 12},
	"session, accept":   {Gap: 4, Accept: true},
	"lengthBatch":       {Length: 10},
	"a batch of length": {Length: 16},
}

func TestWindowsAgreeWithListsOfRows(t *testing.T) {
	all := ticks(11, 1000, 30)
	for name, c := range configs {
		for _, groupBy := range [][]int{nil, {0}, {2}, {0, 2}} {
			for _, size := range []int{1, 16, 64} {
				w, p := newWindow(t, c, "test", groupBy), &plainWindow{Config: c, groupBy: groupBy, watermark: math.MinInt64}
				var got, want []event.Row
				for chunk := range slices.Chunk(all, size) {
					in := batchOfRows(tick, chunk)
					got = append(got, rowsOf(w.Process(none, in))...)
					for _, r := range chunk {
						p.take(r)
					}
					want = append(want, p.results(p.done)...)
					if !sameRows(in, batchOfRows(tick, chunk)) {
						t.Fatal("the shared input was changed")
					}
				}
				if held := len(p.panes) > 0; w.Holds() != held {
					t.Errorf("%s: Holds() = %v", name, w.Holds())
				}
				got = append(got, rowsOf(w.Close(none, time.Time{}))...)
				want = append(want, p.results(func(*pane) bool { return true })...)
				if c.Gap > 0 { // sessions of equal times come by group number
					slices.SortFunc(got, slices.Compare[event.Row])
					slices.SortFunc(want, slices.Compare[event.Row])
				}
				if !slices.EqualFunc(got, want, slices.Equal[event.Row]) {
					t.Fatalf("%s by %v, batches of %d: %d rows, want %d", name, groupBy, size, len(got), len(want))
				}
				if w.Late() != p.late || w.Holds() || w.retained.is != 0 {
					t.Errorf("%s by %v: %d late, want %d; %d events are retained", name, groupBy, w.Late(), p.late, w.retained.is)
				}
			}
		}
	}
}

func TestAManualWindowSpansTheTimeBetweenTimers(t *testing.T) {
	w := newWindow(t, window.Config{}, "timeBatch", []int{0})
	w.size = 2 * time.Second
	if w.Holds() || w.Close(none, time.Unix(1, 0)) != nil {
		t.Error("an empty window has no result")
	}
	all := ticks(1, 100, 5)
	for _, step := range []struct{ close, start int64 }{{9, 7}, {10, 9}, {20, 18}} { // seconds
		p := &plainWindow{groupBy: []int{0}}
		for chunk := range slices.Chunk(all, 7) {
			if w.Process(none, batchOfRows(tick, chunk)).Len() != 0 {
				t.Error("only the timer emits")
			}
			for _, r := range chunk {
				p.take(r)
			}
		}
		p.panes[0].start, p.panes[0].end = step.start*1e9, step.close*1e9
		want := p.results(func(*pane) bool { return true })
		if !w.Holds() {
			t.Error("it holds events")
		}
		got := rowsOf(w.Close(none, time.Unix(step.close, 0)))
		if !slices.EqualFunc(got, want, slices.Equal[event.Row]) {
			t.Fatalf("closed at %d: got %v, want %v", step.close, got, want)
		}
	}
	if w.WindowType() != "timeBatch" || w.Duration() != 2*time.Second || w.Kind() != "window" {
		t.Error("it is a timeBatch window of two seconds")
	}
}

func newRows(t *testing.T, e window.Extent, groupBy []int) *Rows {
	t.Helper()
	return NewRows(e, "sliding", tick, selection(t, groupBy, false))
}

func TestRowWindowsAgreeWithListsOfRows(t *testing.T) {
	all := ticks(12, 2000, 8)
	for _, e := range []window.Extent{{Span: 30}, {Count: 5}, {Span: 30, Count: 3}} {
		for _, groupBy := range [][]int{nil, {0}, {0, 2}} {
			for _, size := range []int{1, 64} {
				w, p, history := newRows(t, e, groupBy), &plainWindow{groupBy: groupBy}, map[string][]event.Row{}
				for chunk := range slices.Chunk(all, size) {
					var want []event.Row
					for _, r := range chunk {
						key := p.key(r)
						history[key] = plainView(append(history[key], r), e)
						want = append(want, append(slices.Clone(r), plainSome(history[key])...))
					}
					got := w.Process(none, batchOfRows(tick, chunk))
					if got.Schema != w.Out || !sameRows(got, batchOfRows(w.Out, want)) {
						t.Fatalf("%+v by %v: %d rows of %d agree not", e, groupBy, got.Len(), len(want))
					}
				}
				if w.Holds() || w.Close(none, time.Time{}) != nil || w.retained.is != w.lanes.Inside || w.WindowType() != "sliding" || w.Duration() != e.Span {
					t.Errorf("%+v owes nothing at the end and retains %d, has %d inside", e, w.retained.is, w.lanes.Inside)
				}
			}
		}
	}
}

// plainView follows the rule that order of arrival decides: what once left does not come back for a late row.
func plainView(history []event.Row, e window.Extent) []event.Row {
	if e.Count > 0 && len(history) > e.Count {
		history = history[len(history)-e.Count:]
	}
	for e.Span > 0 && history[0].Time() <= history[len(history)-1].Time()-int64(e.Span) {
		history = history[1:]
	}
	return history
}

func TestASnapshotGoesOnWhereItWasTaken(t *testing.T) {
	all := ticks(13, 700, 30)
	makers := map[string]func() Durable{}
	for name, c := range configs {
		for _, groupBy := range [][]int{nil, {0}, {0, 2}} {
			makers[fmt.Sprint(name, groupBy)] = func() Durable { return newWindow(t, c, "session", groupBy) }
		}
	}
	makers["timer"] = func() Durable { return newWindow(t, window.Config{}, "timeBatch", []int{0}) }
	for _, e := range []window.Extent{{Span: 30}, {Count: 5}} {
		makers[fmt.Sprint(e)] = func() Durable { return newRows(t, e, []int{0}) }
	}
	for name, maker := range makers {
		for _, at := range []int{0, 1, 12} { // batches before the snapshot
			whole, part := maker(), maker()
			for i, chunk := range slices.Collect(slices.Chunk(all, 32)) {
				if i == at {
					part = restored(t, part, maker())
				}
				want, got := whole.Process(none, batchOfRows(tick, chunk)), part.Process(none, batchOfRows(tick, chunk))
				if !sameRows(got, want) {
					t.Fatalf("%s, snapshot at %d, batch %d: %d rows, want %d", name, at, i, got.Len(), want.Len())
				}
			}
			a, b := whole.(Windowed), part.(Windowed)
			if !sameRows(b.Close(none, time.Time{}), a.Close(none, time.Time{})) {
				t.Fatalf("%s, snapshot at %d: the end differs", name, at)
			}
		}
	}
}

func restored(t *testing.T, from, into Durable) Durable {
	t.Helper()
	data, err := from.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := into.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	a, b := from.(Windowed), into.(Windowed)
	if a.Holds() != b.Holds() || b.Bytes() < a.Bytes()/2 {
		t.Fatalf("the restored one holds %v and %d bytes, want %v and %d", b.Holds(), b.Bytes(), a.Holds(), a.Bytes())
	}
	return into
}

func TestASnapshotOfAnotherQueryIsRefused(t *testing.T) {
	data, err := newWindow(t, window.Config{Size: 5}, "tumbling", []int{0}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := newWindow(t, window.Config{Size: 5}, "tumbling", []int{0, 2}).UnmarshalBinary(data); err == nil {
		t.Error("other groups must be refused")
	}
	if err := newRows(t, window.Extent{Count: 3}, []int{0}).UnmarshalBinary(data[:10]); err == nil {
		t.Error("half a snapshot must be refused")
	}
}

func TestASnapshotOfAnotherSizeIsRefused(t *testing.T) {
	parts := func(c window.Config) Durable {
		p, err := NewPartition(PartitionOptions{Key: "symbol", Make: func() ([]Operator, error) {
			return []Operator{newWindow(t, c, "tumbling", nil)}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	panes := func(c window.Config, kind string) Durable { return newWindow(t, c, kind, []int{0}) }
	rows := func(e window.Extent) Durable { return newRows(t, e, []int{0}) }
	for want, c := range map[string][2]Durable{
		"it was tumbling of 5s and is tumbling of 10s":                  {panes(window.Config{Size: 5e9}, "tumbling"), panes(window.Config{Size: 10e9}, "tumbling")},
		"it was sliding of 5s every 1s and is sliding of 5s every 2.5s": {panes(window.Config{Size: 5e9, Slide: 1e9}, "sliding"), panes(window.Config{Size: 5e9, Slide: 25e8}, "sliding")},
		"it was session of 5s and is session of 6s":                     {panes(window.Config{Gap: 5e9}, "session"), panes(window.Config{Gap: 6e9}, "session")},
		"it was lengthBatch of 5 events and is lengthBatch of 6 events": {panes(window.Config{Length: 5}, "lengthBatch"), panes(window.Config{Length: 6}, "lengthBatch")},
		"it was sliding of 5 events and is sliding of 3 events":         {rows(window.Extent{Count: 5}), rows(window.Extent{Count: 3})},
		"set it back, or start with an empty state directory":           {rows(window.Extent{Span: 5e9}), rows(window.Extent{Span: 3e9})},
		"it was tumbling of 1s and is tumbling of 2s":                   {parts(window.Config{Size: 1e9}), parts(window.Config{Size: 2e9})},
	} {
		c[0].Process(none, batchOfRows(tick, ticks(26, 50, 1)))
		data, err := c[0].MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := c[1].UnmarshalBinary(data); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("err = %v, want it to say %q, once", err, want)
		}
		if strings.Contains(want, "5s every") { // what is no part of the size may change
			if err := panes(window.Config{Size: 5e9, Slide: 1e9, Delay: 1e9, Accept: true}, "sliding").UnmarshalBinary(data); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestRowsOfGroupsBeyondTheBoundAreHandedBack(t *testing.T) {
	tumbling, rows := newWindow(t, window.Config{Size: 1 << 40}, "tumbling", []int{3}), newRows(t, window.Extent{Count: 2}, []int{3})
	for _, op := range []Operator{tumbling, rows} {
		var failed []event.Row
		op.Bind(Handles{Failed: func(_ telemetry.Batch, r event.Row, s *event.Schema, errorType string, err error) {
			if s != tick || errorType != ErrorGroupLimit || err == nil {
				t.Errorf("%s, %s, %v", s.Stream, errorType, err)
			}
			failed = append(failed, r)
		}})
		in := event.NewBatch(tick, maxGroups+3)
		for i := range maxGroups + 3 {
			r := in.Append()
			clear(r)
			r.SetInt(3, int64(i))
		}
		op.Process(none, in)
		out := op.Process(none, batchOfRows(tick, []event.Row{in.Row(maxGroups), in.Row(5), in.Row(maxGroups + 1)}))
		if len(failed) != 5 || failed[0].Int(3) != maxGroups {
			t.Errorf("%d rows were handed back, want 5", len(failed))
		}
		if op == rows && (out.Len() != 1 || out.Row(0).Int(3) != 5) {
			t.Error("rows of known groups must pass")
		}
	}
	if n := tumbling.Close(none, time.Time{}).Len(); n != maxGroups || tumbling.retained.is != 0 {
		t.Errorf("%d groups, want %d", n, maxGroups)
	}
}

func TestWindowsRefuseWhatTheyCannotWorkOut(t *testing.T) {
	if _, err := OutSchema("Out", tick, []int{0, 1, 2, 3, 0}, true); err == nil {
		t.Error("five columns are too many")
	}
}

func TestASteadyStreamAllocatesNothing(t *testing.T) {
	w := newWindow(t, window.Config{Size: 1 << 40}, "tumbling", []int{0})
	w.Aggregates = slices.DeleteFunc(slices.Clone(some), func(s aggregate.Spec) bool { return s.Func == aggregate.Distinct })
	w.groups = aggregate.NewGroups(w.Aggregates)
	in := batchOfRows(tick, ticks(1, 64, 1))
	w.Process(none, in)
	if n := testing.AllocsPerRun(100, func() { w.Process(none, in) }); n != 0 {
		t.Errorf("%v allocations per batch, want 0", n)
	}
}

func TestMemoryOfAWindowIsReused(t *testing.T) {
	w := newWindow(t, window.Config{Size: 10}, "tumbling", []int{0})
	var early int64
	for i := range int64(10_000) {
		in := batchOfRows(tick, ticks(1, 1, 1))
		in.Row(0).SetTime(i)
		w.Process(none, in)
		if i == 100 {
			early = w.Bytes()
		}
	}
	if w.Bytes() != early || early == 0 {
		t.Errorf("%d bytes after a hundred events, %d after ten thousand", early, w.Bytes())
	}
}
