// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"math/rand/v2"
	"slices"
	"testing"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/enginetest"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/expr"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/table"
)

type trade struct {
	at     int64
	symbol event.ID
	price  float64
	volume int64
}

func trades(n int) []trade {
	rng := rand.New(rand.NewPCG(11, 12))
	out := make([]trade, n)
	at := int64(0)
	for i := range out {
		at += int64(rng.IntN(3))
		out[i] = trade{at - int64(rng.IntN(2)*rng.IntN(30)), event.ID(rng.IntN(6)), float64(rng.IntN(100)) / 7, int64(rng.IntN(4))}
	}
	return out
}

func batchOf(s *event.Schema, ts []trade) *event.Batch {
	b := event.NewBatch(s, len(ts))
	for _, t := range ts {
		r := b.Append()
		r.SetTime(t.at)
		r.SetSymbol(0, t.symbol)
		r.SetFloat(1, t.price)
		r.SetInt(2, t.volume)
	}
	return b
}

var none telemetry.Batch // records nothing

func TestFilterAgreesWithALoop(t *testing.T) {
	all := trades(5000)
	p, err := expr.Compile("price >= 5.0 && volume > 0", enginetest.Stock, &event.Symbols{})
	if err != nil {
		t.Fatal(err)
	}
	f := NewFilter(p, enginetest.Filtered)
	for _, size := range []int{1, 3, 64} {
		for chunk := range slices.Chunk(all, size) {
			in := batchOf(enginetest.Stock, chunk)
			kept := slices.DeleteFunc(slices.Clone(chunk), func(t trade) bool { return t.price < 5 || t.volume <= 0 })
			got, want := f.Process(none, in), batchOf(enginetest.Filtered, kept)
			if got.Schema != enginetest.Filtered || !sameRows(got, want) {
				t.Fatalf("%d of %d rows passed, want %d", got.Len(), in.Len(), want.Len())
			}
			if !sameRows(in, batchOf(enginetest.Stock, chunk)) {
				t.Fatal("the shared input was changed")
			}
		}
	}
}

func sameRows(a, b *event.Batch) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if !slices.Equal(a.Row(i), b.Row(i)) {
			return false
		}
	}
	return true
}

func TestJoinAgreesWithALookup(t *testing.T) {
	var names event.Symbols
	known := companies(t, table.Config{Names: &names}, [][]string{{"s0", "zero", "x"}, {"s1", "one", "y"}, {"s2", "two", "x"}})
	join, err := NewTableJoin(known, semconv.JoinTypeInner, enginetest.Aggregate, "symbol", "symbol", enginetest.Enriched.Stream)
	if err != nil || !join.Schema().SameColumns(enginetest.Enriched) {
		t.Fatal(join.Schema(), err)
	}
	unmatched := int64(0)
	for chunk := range slices.Chunk(trades(3000), 16) {
		in, want := event.NewBatch(enginetest.Aggregate, len(chunk)), event.NewBatch(enginetest.Enriched, len(chunk))
		for _, e := range chunk {
			r := in.Append()
			clear(r)
			r.SetTime(e.at)
			r.SetSymbol(0, e.symbol)
			var partner event.Row
			known.Lookup(known.KeyColumn, []uint64{uint64(e.symbol)}, func(_ int, row event.Row, _ error) { partner = row })
			if partner == nil {
				unmatched++
				continue
			}
			j := want.Append()
			copy(j, r)
			j.SetSymbol(len(r)-1, partner.Symbol(1))
			j.SetSymbol(len(r), partner.Symbol(2))
		}
		if got := join.Process(none, in); !sameRows(got, want) {
			t.Fatalf("%d rows joined, want %d", got.Len(), want.Len())
		}
	}
	if join.Unmatched() != unmatched || unmatched == 0 {
		t.Errorf("%d rows unmatched, want %d", join.Unmatched(), unmatched)
	}
}
