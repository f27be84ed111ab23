// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"math/rand/v2"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Generator makes rows of any schema. Every Float column walks at random between 1 and 1000, once per symbol of the
// first Symbol column; further Symbol columns are drawn from the same list, Int columns are multiples of 100. The same
// seed gives the same rows, whatever the batch sizes; event times and Time columns are the caller's clock and never go
// back.
type Generator struct {
	columns []event.Column
	symbols []event.ID
	walks   [][]float64 // per column and symbol
	rng     *rand.PCG
	last    int64
	made    int64
}

// NewGenerator interns symbols in names; there must be one at least.
func NewGenerator(s *event.Schema, names *event.Symbols, symbols []string, seed uint64) (*Generator, error) {
	if len(symbols) == 0 {
		return nil, fmt.Errorf("generate %s: there must be a symbol at least", s.Stream)
	}
	g := &Generator{columns: s.Columns, rng: rand.NewPCG(seed, 0), walks: make([][]float64, len(s.Columns))}
	for i, text := range symbols {
		id, err := names.Intern(text)
		if err != nil {
			return nil, fmt.Errorf("generate %s: %w", s.Stream, err)
		}
		g.symbols = append(g.symbols, id)
		for c := range g.walks {
			g.walks[c] = append(g.walks[c], 3*float64(1+(i*i*5)%67)) // 3 to 201, some below the demo filter's 5.0
		}
	}
	return g, nil
}

// Read implements Reader. A generator never ends.
func (g *Generator) Read(b *event.Batch, n int, now int64) error {
	g.last = max(g.last, now)
	g.made += int64(n)
	for range n {
		g.row(b.Append())
	}
	return nil
}

// row draws a new random word only for a second column of a type.
func (g *Generator) row(r event.Row) {
	bits := g.rng.Uint64()
	i, used := int(uint32(bits))%len(g.symbols), 0
	r.SetTime(g.last)
	for c := range g.columns {
		t := g.columns[c].Type
		if used&(1<<t) != 0 {
			bits = g.rng.Uint64()
		}
		used |= 1 << t
		switch t {
		case event.Float:
			step := float64(int64(bits>>32&0xffff)-0x8000) / 0x8000 // -1 to 1
			g.walks[c][i] = min(max(g.walks[c][i]*(1+step*0.002), 1), 1000)
			r.SetFloat(c, g.walks[c][i])
		case event.Int:
			r.SetInt(c, int64((bits>>48)%64)*100) // 0 in one row of 64
		case event.Symbol:
			r.SetSymbol(c, g.symbols[int(uint32(bits))%len(g.symbols)])
		default:
			r.SetInt(c, g.last)
		}
	}
}

// Progress implements Reader.
func (g *Generator) Progress() Progress { return Progress{Position: g.made} }

// Skip implements Reader: the walks go as far as they had.
func (g *Generator) Skip(records int64) error {
	r := make(event.Row, len(g.columns)+1)
	for g.made += records; records > 0; records-- {
		g.row(r)
	}
	return nil
}
