// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"math/rand/v2"
	"testing"
)

func TestPanesAgreeWithAListOfValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var a Panes
	for round := range 20 {
		values := map[[2]int][]float64{}
		for range 500 {
			pane, key, v := rng.IntN(3), rng.IntN(40)*7, rng.Float64()*100-50
			a.Add(pane, key, v)
			values[[2]int{pane, key}] = append(values[[2]int{pane, key}], v)
		}
		for pane := range 3 {
			a.Take(pane, func(r Result) {
				at := [2]int{pane, r.Key}
				if got, want := r, plain(r.Key, values[at]); got != want {
					t.Fatalf("round %d pane %d: got %+v, want %+v", round, pane, got, want)
				}
				delete(values, at)
			})
		}
		if len(values) != 0 {
			t.Fatalf("round %d: %d groups were not reported", round, len(values))
		}
	}
}

func plain(key int, values []float64) Result {
	r := Result{Key: key, Count: int64(len(values)), Min: values[0], Max: values[0]}
	for _, v := range values {
		r.Sum += v
		r.Min, r.Max = min(r.Min, v), max(r.Max, v)
	}
	return r
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	var a Panes
	fill := func() {
		for i := range 64 {
			a.Add(0, i%24, float64(i))
		}
		a.Take(0, func(Result) {})
	}
	fill()
	if n := testing.AllocsPerRun(100, fill); n != 0 {
		t.Errorf("%v allocations per batch, want 0", n)
	}
}
