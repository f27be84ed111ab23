// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/expr"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/market"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/table"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
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
	p, err := expr.Compile("price >= 5.0 && volume > 0", market.Stock, &event.Symbols{})
	if err != nil {
		t.Fatal(err)
	}
	f := NewFilter(p, market.Filtered)
	for _, size := range []int{1, 3, 64} {
		for chunk := range slices.Chunk(all, size) {
			in := batchOf(market.Stock, chunk)
			kept := slices.DeleteFunc(slices.Clone(chunk), func(t trade) bool { return t.price < 5 || t.volume <= 0 })
			got, want := f.Process(none, in), batchOf(market.Filtered, kept)
			if got.Schema != market.Filtered || !sameRows(got, want) {
				t.Fatalf("%d of %d rows passed, want %d", got.Len(), in.Len(), want.Len())
			}
			if !sameRows(in, batchOf(market.Stock, chunk)) {
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

type group struct {
	start  int64
	symbol event.ID
}

func TestTumblingAgreesWithListsOfPrices(t *testing.T) {
	const size = 20
	all := trades(4000)
	groups, late := map[group][]float64{}, int64(0)
	watermark := int64(math.MinInt64)
	for _, e := range all {
		watermark = max(watermark, e.at)
		start := int64(math.Floor(float64(e.at)/size)) * size
		if start+size <= watermark {
			late++
			continue
		}
		g := group{start, e.symbol}
		groups[g] = append(groups[g], e.price)
	}
	op := NewTumbling(size, market.Filtered, "symbol", "price", market.Aggregate)
	for chunk := range slices.Chunk(all, 64) {
		checkGroups(t, op.Process(none, batchOf(market.Filtered, chunk)), groups, size)
	}
	checkGroups(t, op.Close(none, time.Time{}), groups, size)
	if len(groups) != 0 || op.Late() != late || late == 0 || op.Holds() {
		t.Errorf("%d groups missing; %d late, want %d", len(groups), op.Late(), late)
	}
}

// checkGroups takes every group it finds in got out of want.
func checkGroups(t *testing.T, got *event.Batch, want map[group][]float64, size int64) {
	t.Helper()
	for i := range got.Len() {
		r := got.Row(i)
		g := group{r.Int(1), r.Symbol(0)}
		prices := want[g]
		sum := 0.0
		for _, p := range prices {
			sum += p
		}
		if len(prices) == 0 || r.Time() != g.start+size || r.Int(4) != int64(len(prices)) || r.Float(3) != sum ||
			r.Float(2) != sum/float64(len(prices)) || r.Float(5) != slices.Min(prices) || r.Float(6) != slices.Max(prices) {
			t.Fatalf("group %+v came out as %v, prices are %v", g, r, prices)
		}
		delete(want, g)
	}
}

func TestRateCountsUntilItIsClosed(t *testing.T) {
	op := NewRate(2*time.Second, market.Stock, "volume", "price", market.TradeRate)
	if op.Holds() || op.Close(none, time.Unix(1, 0)) != nil {
		t.Error("an empty window has no result")
	}
	all := trades(100)
	var volume int64
	prices := 0.0
	for _, e := range all {
		volume += e.volume
		prices += e.price
	}
	for chunk := range slices.Chunk(all, 7) {
		if op.Process(none, batchOf(market.Stock, chunk)).Len() != 0 {
			t.Error("only the timer emits")
		}
	}
	r := op.Close(none, time.Unix(9, 0)).Row(0)
	if r.Time() != 9e9 || r.Int(0) != 100 || r.Int(1) != volume || r.Float(2) != prices/100 || r.Float(3) != 50 || op.Holds() {
		t.Errorf("got %v", r)
	}
}

func TestJoinAndDeviationAgreeWithAPlainReimplementation(t *testing.T) {
	var names event.Symbols
	known := companies(t, table.Config{Names: &names}, [][]string{{"s0", "zero", "x"}, {"s1", "one", "y"}, {"s2", "two", "x"}})
	join, err := NewTableJoin(known, semconv.JoinTypeInner, market.Aggregate, "symbol", nil, market.Enriched.Stream)
	if err != nil || !join.Schema().SameColumns(market.Enriched) {
		t.Fatal(join.Schema(), err)
	}
	const span, threshold = 40, 0.5
	alert := NewDeviation(window.Extent{Span: span}, threshold, market.Enriched, market.Alert)
	history := map[event.ID][]trade{}
	unmatched := int64(0)
	for chunk := range slices.Chunk(trades(3000), 16) {
		in := event.NewBatch(market.Aggregate, len(chunk))
		var want []float64 // mean and average of each alert
		for _, e := range chunk {
			e.price++ // a mean of 0 deviates from nothing
			r := in.Append()
			r.SetTime(e.at)
			r.SetSymbol(0, e.symbol)
			r.SetFloat(2, e.price)
			if partner, _ := known.Find(uint64(e.symbol)); partner == nil {
				unmatched++
				continue
			}
			history[e.symbol] = append(history[e.symbol], e)
			if m := slidingMean(history[e.symbol], span); math.Abs((e.price-m)/m) > threshold {
				want = append(want, m, e.price)
			}
		}
		got := alert.Process(none, join.Process(none, in))
		if got.Len() != len(want)/2 {
			t.Fatalf("%d alerts, want %d", got.Len(), len(want)/2)
		}
		for i := range got.Len() {
			if r := got.Row(i); r.Float(4) != want[2*i] || r.Float(3) != want[2*i+1] || names.Name(r.Symbol(1)) == "" {
				t.Fatalf("alert %d is %v, want mean %v and average %v", i, r, want[2*i], want[2*i+1])
			}
		}
	}
	if join.Unmatched() != unmatched || unmatched == 0 {
		t.Errorf("%d rows unmatched, want %d", join.Unmatched(), unmatched)
	}
}

// slidingMean follows the window's rule that order of arrival decides: what
// once left does not come back for a late row.
func slidingMean(h []trade, span int64) float64 {
	from := 0
	for i := range h {
		for h[from].at <= h[i].at-span {
			from++
		}
	}
	sum := 0.0
	for _, e := range h[from:] {
		sum += e.price
	}
	return sum / float64(len(h)-from)
}
