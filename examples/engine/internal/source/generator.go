// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"math/rand/v2"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Generator walks one random price per symbol. The same seed gives the same
// symbols, prices and volumes, whatever the batch sizes; event times are the
// caller's clock and never go back.
type Generator struct {
	columns columns
	symbols []event.ID
	prices  []float64
	rng     *rand.PCG
	last    int64
}

// Prices stay inside these bounds; some symbols trade below the demo filter's 5.0.
const (
	lowest  = 1.0
	highest = 1000.0
)

// NewGenerator interns symbols in names and sets their first prices.
func NewGenerator(s *event.Schema, names *event.Symbols, symbols []string, seed uint64) (*Generator, error) {
	ids, err := intern(names, symbols)
	if err != nil {
		return nil, err
	}
	g := &Generator{columns: columnsOf(s), symbols: ids, prices: make([]float64, len(ids)), rng: rand.NewPCG(seed, 0)}
	for i := range g.prices {
		g.prices[i] = 3 * float64(1+(i*i*5)%67) // 3 to 201
	}
	return g, nil
}

// Read implements Reader. A generator never ends.
func (g *Generator) Read(b *event.Batch, n int, now int64) error {
	g.last = max(g.last, now)
	for range n {
		bits := g.rng.Uint64()
		i := int(uint32(bits)) % len(g.symbols)
		step := float64(int64(bits>>32&0xffff)-0x8000) / 0x8000 // -1 to 1
		price := min(max(g.prices[i]*(1+step*0.002), lowest), highest)
		g.prices[i] = price
		r := b.Append()
		r.SetTime(g.last)
		r.SetSymbol(g.columns.symbol, g.symbols[i])
		r.SetFloat(g.columns.price, price)
		r.SetInt(g.columns.volume, int64((bits>>48)%64)*100) // 0 in one trade of 64
	}
	return nil
}

// Rejected implements Reader.
func (g *Generator) Rejected() int64 { return 0 }

// Close implements Reader.
func (g *Generator) Close() error { return nil }
