// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"math"
	"slices"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// MaxDistinct bounds the values that the distinct counts of one Groups should remember.
const MaxDistinct = 1 << 20

// Groups works out specs for every group of every pane; specs of one column share a cell. Memory is kept for reuse, so
// a steady stream allocates nothing but the sets of distinct counts. Exported fields are the state that survives a
// restart.
type Groups struct {
	Panes    []Pane // by slot
	Distinct int    // values that distinct counts remember
	Cells    int64  // that there is memory for

	specs   []Spec
	at      []int    // by spec: its column
	columns []column // one at least, because its cells count; its word is 0 if no column is read
}

// Pane holds the groups of one pane.
type Pane struct {
	Cells []Cell  // by group and column
	Used  []int32 // groups with rows, in order of first use
}

// Cell is what the values of one column add up to.
type Cell struct {
	N               int64
	Sum             uint64  // a word of the column
	High, Low       uint64  // the greatest order of a value and the greatest complement of one
	Mean, Squares   float64 // of deviations from the mean: plain sums of squares lose their digits
	First, Last     uint64
	FirstAt, LastAt int64
	Values          map[uint64]bool
}

// column is a word of rows, a float or an integer, and whether more than sums and extremes is asked for.
type column struct {
	word                int
	float, more, values bool
	seen                *int // the values in all sets
}

// NewGroups works out specs whose functions take their columns, see Func.Type.
func NewGroups(specs []Spec) *Groups {
	g := &Groups{specs: specs, at: make([]int, len(specs)), columns: make([]column, 1)}
	for i, s := range specs {
		if s.Func == Count {
			continue // every column will do
		}
		at := slices.IndexFunc(g.columns, func(c column) bool { return c.word == 0 || c.word == s.Column+1 })
		if at < 0 {
			at = len(g.columns)
			g.columns = append(g.columns, column{})
		}
		c := &g.columns[at]
		c.word, c.float, c.seen = s.Column+1, s.Type == event.Float, &g.Distinct
		c.more, c.values = c.more || s.Func > Max, c.values || s.Func == Distinct
		g.at[i] = at
	}
	return g
}

// Add puts a row into a group of a pane.
func (g *Groups) Add(slot, group int32, r event.Row) {
	cells := g.cells(slot, group)
	for i := range cells {
		g.columns[i].add(&cells[i], r, len(r))
	}
}

// Over works the specs out over rows of stride words, one after the other, and writes the results to dst.
func (g *Groups) Over(rows []uint64, stride int, dst []uint64) {
	for i, cells := 0, g.cells(0, 0); i < len(cells); i++ {
		g.columns[i].add(&cells[i], rows, stride)
	}
	g.Take(0, func(int32) []uint64 { return dst })
}

// Merge adds the groups of pane from to those of pane into and empties from.
func (g *Groups) Merge(into, from int32) {
	g.take(from, func(group int32, cells []Cell) {
		for i, a := 0, g.cells(into, group); i < len(a); i++ {
			g.columns[i].merge(&a[i], &cells[i])
		}
	})
}

// Take asks for room for the results of each group of a pane, in order of first use, writes a word per spec there, and
// empties the pane.
func (g *Groups) Take(slot int32, room func(group int32) []uint64) {
	g.take(slot, func(group int32, cells []Cell) {
		dst := room(group)
		for i, s := range g.specs {
			dst[i] = g.columns[g.at[i]].result(s.Func, &cells[g.at[i]])
		}
	})
}

func (g *Groups) take(slot int32, visit func(group int32, cells []Cell)) {
	p, n := &g.Panes[slot], len(g.columns)
	for _, group := range p.Used {
		cells := p.Cells[int(group)*n:][:n]
		visit(group, cells)
		for _, c := range cells {
			g.Distinct -= len(c.Values)
		}
		clear(cells)
	}
	p.Used = p.Used[:0]
}

// cells returns the cells of a group, which is in use from now on.
func (g *Groups) cells(slot, group int32) []Cell {
	for int(slot) >= len(g.Panes) {
		g.Panes = append(g.Panes, Pane{})
	}
	p, n := &g.Panes[slot], len(g.columns)
	at := int(group) * n
	if missing := at + n - len(p.Cells); missing > 0 {
		p.Cells = append(p.Cells, make([]Cell, missing)...)
		g.Cells += int64(missing)
	}
	cells := p.Cells[at : at+n]
	if cells[0].N == 0 {
		p.Used = append(p.Used, group)
	}
	return cells
}

// Len is the number of groups in a pane.
func (g *Groups) Len(slot int32) int { return len(g.Panes[slot].Used) }

// Bytes estimates the memory held.
func (g *Groups) Bytes() int64 { return g.Cells*100 + int64(g.Distinct)*32 }

// add puts the values of rows of stride words into a cell.
func (c *column) add(a *Cell, rows []uint64, stride int) {
	n, whole, sum, high, low := a.N, a.Sum, math.Float64frombits(a.Sum), a.High, a.Low
	for at := c.word; at < len(rows); at += stride {
		w, o := rows[at], c.order(rows[at])
		n, whole, sum, high, low = n+1, whole+w, sum+math.Float64frombits(w), max(high, o), max(low, ^o)
		if c.more {
			t := int64(rows[at-c.word])
			c.merge(a, &Cell{N: 1, Mean: c.number(w), First: w, Last: w, FirstAt: t, LastAt: t})
		}
		if c.values {
			c.see(a, w)
		}
	}
	if c.float {
		whole = math.Float64bits(sum)
	}
	a.N, a.Sum, a.High, a.Low = n, whole, high, low
}

// merge puts the values of b into a.
func (c *column) merge(a, b *Cell) {
	if a.N == 0 || b.FirstAt < a.FirstAt {
		a.First, a.FirstAt = b.First, b.FirstAt
	}
	if a.N == 0 || b.LastAt >= a.LastAt {
		a.Last, a.LastAt = b.Last, b.LastAt
	}
	for w := range b.Values {
		c.see(a, w)
	}
	d, share := b.Mean-a.Mean, float64(b.N)/float64(a.N+b.N)
	a.Mean, a.Squares = a.Mean+d*share, a.Squares+b.Squares+d*d*float64(a.N)*share
	a.N, a.Sum, a.High, a.Low = a.N+b.N, c.plus(a.Sum, b.Sum), max(a.High, b.High), max(a.Low, b.Low)
}

func (c *column) see(a *Cell, w uint64) {
	if a.Values == nil {
		a.Values = make(map[uint64]bool)
	}
	if !a.Values[w] {
		a.Values[w] = true
		*c.seen++
	}
}

// result works out every function: results are few next to rows.
func (c *column) result(f Func, a *Cell) uint64 {
	n := float64(a.N)
	return [...]uint64{
		Count: uint64(a.N), Sum: a.Sum, Avg: math.Float64bits(c.number(a.Sum) / n), Min: c.unorder(^a.Low), Max: c.unorder(a.High),
		StdDev: math.Float64bits(math.Sqrt(a.Squares / n)), Distinct: uint64(len(a.Values)), First: a.First, Last: a.Last,
	}[f]
}

func (c *column) plus(a, b uint64) uint64 {
	if c.float {
		return math.Float64bits(math.Float64frombits(a) + math.Float64frombits(b))
	}
	return a + b
}

func (c *column) number(w uint64) float64 {
	if c.float {
		return math.Float64frombits(w)
	}
	return float64(int64(w))
}

// order maps words to unsigned numbers that compare like the values; unorder is its inverse.
func (c *column) order(w uint64) uint64 {
	if c.float && w>>63 == 1 {
		return ^w
	}
	return w ^ 1<<63
}

func (c *column) unorder(o uint64) uint64 {
	if c.float && o>>63 == 0 {
		return ^o
	}
	return o ^ 1<<63
}
