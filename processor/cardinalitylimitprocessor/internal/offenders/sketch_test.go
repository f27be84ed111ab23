// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func sketchOf(hashes ...uint64) *Sketch {
	s := &Sketch{}
	for _, h := range hashes {
		s.Insert(h)
	}
	return s
}

func randomHashes(r *rand.Rand, n int) []uint64 {
	hashes := make([]uint64, n)
	for i := range hashes {
		hashes[i] = r.Uint64()
	}
	return hashes
}

func TestSketchIsExactWhileSmall(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var s Sketch
	for n := range 64 {
		if got := s.Estimate(); got != n {
			t.Fatalf("Estimate() = %d after %d hashes", got, n)
		}
		hash := r.Uint64()
		if n == 0 {
			hash = 0 // a hash like any other
		}
		if !s.Insert(hash) {
			t.Fatalf("Insert() = false for a new hash, the %d.", n+1)
		}
		if s.Insert(hash) {
			t.Fatal("Insert() = true for a hash that is there")
		}
	}
	if got := s.Estimate(); got != 64 {
		t.Fatalf("Estimate() = %d after 64 hashes", got)
	}
}

// One standard error of 3.3 %, and no more bias than the 1.08/m that the estimator has by
// theory, from just beyond the exact range up to the millions.
func TestSketchEstimatesWithinItsError(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, c := range []struct{ n, trials int }{
		{65, 2000}, {200, 2000}, {1000, 2000}, {2500, 1000}, {5000, 1000}, {20_000, 300}, {100_000, 100}, {2_000_000, 5},
	} {
		t.Run(fmt.Sprint(c.n), func(t *testing.T) {
			sum, squares := 0.0, 0.0
			for range c.trials {
				var s Sketch
				for range c.n {
					s.Insert(r.Uint64())
				}
				e := (float64(s.Estimate()) - float64(c.n)) / float64(c.n)
				sum += e
				squares += e * e
			}
			trials := float64(c.trials)
			deviation, bias := math.Sqrt(squares/trials), sum/trials
			t.Logf("deviation %.2f %%, bias %+.2f %%", 100*deviation, 100*bias)
			// The deviation of so many trials is itself known to one part in sqrt(2*trials).
			if limit := 0.033 * (1 + 2/math.Sqrt(2*trials)); deviation > limit {
				t.Errorf("standard error %.2f %%, want at most %.2f %%", 100*deviation, 100*limit)
			}
			if limit := 3*0.033/math.Sqrt(trials) + 1.08/registers; math.Abs(bias) > limit {
				t.Errorf("bias %.3f %%, want at most %.3f %%", 100*bias, 100*limit)
			}
		})
	}
}

func TestSketchMergeIsTheSketchOfBoth(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, sizes := range [][2]int{{0, 0}, {3, 0}, {0, 3}, {40, 40}, {10, 5000}, {5000, 10}, {0, 5000}, {3000, 4000}} {
		a, b := randomHashes(r, sizes[0]), randomHashes(r, sizes[1])
		b = append(b, a[:len(a)/2]...) // both have some
		merged, theirs, all := sketchOf(a...), sketchOf(b...), sketchOf(slices.Concat(a, b)...)
		before := theirs.Estimate()
		merged.Merge(theirs)
		if merged.Estimate() != all.Estimate() || merged.dense != all.dense {
			t.Errorf("%v: merged %d, want %d", sizes, merged.Estimate(), all.Estimate())
		}
		if theirs.Estimate() != before {
			t.Errorf("%v: Merge changed its argument", sizes)
		}
	}
}

func TestSketchCopyAndResetLeaveTheOriginal(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{0, 5, 64, 1000} {
		original, other := sketchOf(randomHashes(r, n)...), sketchOf(randomHashes(r, 300)...)
		want := original.Estimate()
		other.CopyFrom(original)
		other.Insert(r.Uint64())
		other.Reset()
		if got := other.Estimate(); got != 0 {
			t.Errorf("Estimate() = %d after Reset", got)
		}
		for i := range uint64(64) {
			other.Insert(mix(i + 1))
		}
		if got := other.Estimate(); got != 64 {
			t.Errorf("Estimate() = %d of 64 after Reset", got)
		}
		if got := original.Estimate(); got != want {
			t.Errorf("Estimate() = %d, was %d before its copy changed", got, want)
		}
	}
}

func TestSketchTakesOneKilobyte(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var s Sketch
	for range 100_000 {
		s.Insert(r.Uint64())
		if s.Bytes() > 1024 {
			t.Fatalf("Bytes() = %d", s.Bytes())
		}
	}
}

func BenchmarkSketchInsert(b *testing.B) {
	for _, n := range []int{32, 1e6} {
		b.Run(fmt.Sprintf("distinct=%d", n), func(b *testing.B) {
			hashes := randomHashes(rand.New(rand.NewPCG(1, 1)), n)
			var s Sketch
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				s.Insert(hashes[i])
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

func BenchmarkSketchEstimate(b *testing.B) {
	s := sketchOf(randomHashes(rand.New(rand.NewPCG(1, 1)), 1e5)...)
	for b.Loop() {
		s.Estimate()
	}
}
