// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

var schema = &event.Schema{Stream: "S", Columns: []event.Column{
	{Name: "symbol", Type: event.Symbol}, {Name: "price", Type: event.Float}, {Name: "volume", Type: event.Int}, {Name: "at", Type: event.Time},
}}

// every is every function over every column that takes it.
func every() (specs []Spec) {
	for f := range Func(len(names)) {
		for i, c := range schema.Columns {
			if _, err := f.Type(c.Type); err == nil {
				specs = append(specs, Spec{f, i, c.Type})
			}
		}
	}
	return specs
}

func randomRow(rng *rand.Rand) event.Row {
	r := event.NewBatch(schema, 1).Append()
	r.SetTime(int64(rng.IntN(30) - 15))
	r.SetSymbol(0, event.ID(rng.IntN(5)))
	r.SetFloat(1, float64(rng.IntN(400)-200)/4) // sums are exact in any order
	r.SetInt(2, int64(rng.IntN(40)-20))
	r.SetInt(3, int64(rng.IntN(40)-20))
	return r
}

// plain works a function out over a list of rows.
func plain(s Spec, rows []event.Row) uint64 {
	compare := func(a, b event.Row) int {
		if s.Type == event.Float {
			return cmp.Compare(a.Float(s.Column), b.Float(s.Column))
		}
		return cmp.Compare(a.Int(s.Column), b.Int(s.Column))
	}
	byTime := slices.Clone(rows)
	slices.SortStableFunc(byTime, func(a, b event.Row) int { return cmp.Compare(a.Time(), b.Time()) })
	sum, floats, whole, values := 0.0, []float64{}, int64(0), map[uint64]bool{}
	for _, r := range rows {
		v := float64(r.Int(s.Column))
		if s.Type == event.Float {
			v = r.Float(s.Column)
		}
		sum, floats, whole = sum+v, append(floats, v), whole+r.Int(s.Column)
		values[r[s.Column+1]] = true
	}
	mean, squares := sum/float64(len(rows)), 0.0
	for _, v := range floats {
		squares += (v - mean) * (v - mean)
	}
	switch s.Func {
	case Count:
		return uint64(len(rows))
	case Sum:
		if s.Type == event.Float {
			return math.Float64bits(sum)
		}
		return uint64(whole)
	case Avg:
		return math.Float64bits(mean)
	case Min:
		return slices.MinFunc(rows, compare)[s.Column+1]
	case Max:
		return slices.MaxFunc(rows, compare)[s.Column+1]
	case StdDev:
		return math.Float64bits(math.Sqrt(squares / float64(len(rows))))
	case Distinct:
		return uint64(len(values))
	case First:
		return byTime[0][s.Column+1]
	}
	return byTime[len(rows)-1][s.Column+1]
}

func check(t *testing.T, specs []Spec, got []uint64, rows []event.Row) {
	t.Helper()
	for i, s := range specs {
		want := plain(s, rows)
		near := s.Func == StdDev && math.Abs(math.Float64frombits(got[i])-math.Float64frombits(want)) < 1e-9
		if got[i] != want && !near {
			t.Fatalf("%s over column %d of %d rows is %x, want %x", names[s.Func], s.Column, len(rows), got[i], want)
		}
	}
}

func TestGroupsAgreeWithListsOfRows(t *testing.T) {
	rng, specs := rand.New(rand.NewPCG(3, 4)), every()
	g := NewGroups(specs)
	for range 20 {
		rows, order := map[[2]int32][]event.Row{}, [3][]int32{}
		for range 500 {
			slot, group, r := int32(rng.IntN(3)), int32(rng.IntN(12)*5), randomRow(rng)
			g.Add(slot, group, r)
			at := [2]int32{slot, group}
			if rows[at] == nil {
				order[slot] = append(order[slot], group)
			}
			rows[at] = append(rows[at], r)
		}
		for slot := range int32(3) {
			i, dst := 0, make([]uint64, len(specs))
			finish := func(group int32) {
				at := [2]int32{slot, group}
				check(t, specs, dst, rows[at])
				delete(rows, at)
			}
			var last int32 = -1
			g.Take(slot, func(group int32) []uint64 {
				if last >= 0 {
					finish(last)
				}
				if want := order[slot][i]; group != want {
					t.Fatalf("group %d comes as number %d, want %d: the order of first use", group, i, want)
				}
				last = group
				i++
				return dst
			})
			finish(last)
		}
		if len(rows) != 0 || g.Distinct != 0 {
			t.Fatalf("%d groups were not reported, %d values are left", len(rows), g.Distinct)
		}
	}
}

func TestMergedPanesAreAsIfAllRowsHadGoneIntoOne(t *testing.T) {
	rng, specs := rand.New(rand.NewPCG(5, 6)), every()
	g, dst := NewGroups(specs), make([]uint64, len(specs))
	for range 200 {
		var early, late []event.Row // two sessions share no time
		for range 1 + rng.IntN(20) {
			a, b := randomRow(rng), randomRow(rng)
			b.SetTime(b.Time() + 100)
			early, late = append(early, a), append(late, b)
			g.Add(0, 0, b)
			g.Add(1, 0, a)
		}
		g.Merge(0, 1)
		if g.Len(1) != 0 {
			t.Fatal("the merged pane must be empty")
		}
		g.Take(0, func(int32) []uint64 { return dst })
		check(t, specs, dst, append(early, late...))
	}
}

func TestOverAgreesWithAListOfRows(t *testing.T) {
	rng, specs := rand.New(rand.NewPCG(7, 8)), every()
	g, dst := NewGroups(specs), make([]uint64, len(specs))
	for range 100 {
		var rows []event.Row
		var words []uint64
		for range 1 + rng.IntN(30) {
			r := randomRow(rng)
			rows, words = append(rows, r), append(words, r...)
		}
		g.Over(words, len(rows[0]), dst)
		check(t, specs, dst, rows)
	}
	if g.Distinct != 0 {
		t.Errorf("%d values are left", g.Distinct)
	}
}

func TestCountAloneNeedsNoColumn(t *testing.T) {
	g, dst := NewGroups([]Spec{{Func: Count}, {Func: Count}}), make([]uint64, 2)
	for range 3 {
		g.Add(0, 0, event.Row{7})
	}
	g.Take(0, func(int32) []uint64 { return dst })
	if dst[0] != 3 || dst[1] != 3 {
		t.Errorf("counts %v of 3 rows", dst)
	}
}

func TestFunctionsTakeTheColumnsTheyCanWorkOut(t *testing.T) {
	const no = event.Type(0)
	for name, want := range map[string][4]event.Type{ // of Float, Int, Symbol, Time
		"count":         {event.Int, event.Int, event.Int, event.Int},
		"sum":           {event.Float, event.Int, no, no},
		"avg":           {event.Float, event.Float, no, no},
		"MIN":           {event.Float, event.Int, no, event.Time},
		"max":           {event.Float, event.Int, no, event.Time},
		"stdDev":        {event.Float, event.Float, no, no},
		"distinctCount": {event.Int, event.Int, event.Int, event.Int},
		"first":         {event.Float, event.Int, event.Symbol, event.Time},
		"last":          {event.Float, event.Int, event.Symbol, event.Time},
	} {
		f, ok := ParseFunc(name)
		if !ok {
			t.Errorf("%s is not known", name)
		}
		for i, column := range []event.Type{event.Float, event.Int, event.Symbol, event.Time} {
			if got, err := f.Type(column); got != want[i] || (err != nil) != (want[i] == no) {
				t.Errorf("%s of type %d is of type %d, %v; want %d", name, column, got, err, want[i])
			}
		}
	}
	if _, ok := ParseFunc("median"); ok {
		t.Error("median is not a function")
	}
}

func TestKeysNumberCombinationsFromZeroUp(t *testing.T) {
	for _, columns := range [][]int{nil, {0}, {2}, {0, 2}, {0, 1, 2, 3}} {
		rng, k, numbers := rand.New(rand.NewPCG(9, 10)), NewKeys(schema, columns, 1<<16), map[string]int32{}
		for range 2000 {
			r, key := randomRow(rng), ""
			for _, c := range columns {
				key += fmt.Sprint(r[c+1], ",")
			}
			n, ok := k.Number(r)
			if want, known := numbers[key]; !ok || known && n != want || !known && int(n) != len(numbers) {
				t.Fatalf("columns %v: number %d, %v", columns, n, ok)
			}
			numbers[key] = n
			for i, w := range k.Words(n) {
				if w != r[columns[i]+1] {
					t.Fatalf("columns %v: words %v of %v", columns, k.Words(n), r)
				}
			}
		}
	}
}

func TestFullKeysRefuseNewGroupsOnly(t *testing.T) {
	for _, column := range []int{0, 2} { // by lane and by map
		k, r := NewKeys(schema, []int{column}, 2), randomRow(rand.New(rand.NewPCG(1, 2)))
		for _, step := range []struct {
			value int64
			ok    bool
		}{{7, true}, {3, true}, {5, false}, {7, true}, {3, true}, {5, false}} {
			r.SetInt(column, step.value)
			if _, ok := k.Number(r); ok != step.ok {
				t.Errorf("column %d, value %d: ok = %v", column, step.value, ok)
			}
		}
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	specs := slices.DeleteFunc(every(), func(s Spec) bool { return s.Func == Distinct })
	g, dst, rng := NewGroups(specs), make([]uint64, len(specs)), rand.New(rand.NewPCG(1, 2))
	rows := make([]event.Row, 64)
	for i := range rows {
		rows[i] = randomRow(rng)
	}
	fill := func() {
		for i, r := range rows {
			g.Add(0, int32(i%24), r)
		}
		g.Take(0, func(int32) []uint64 { return dst })
	}
	fill()
	if n := testing.AllocsPerRun(100, fill); n != 0 {
		t.Errorf("%v allocations per batch, want 0", n)
	}
}
