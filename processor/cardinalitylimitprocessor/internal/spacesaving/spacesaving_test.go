// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package spacesaving

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// whole is a Writer that shows labels as they are.
func whole(dst []byte, _ uint64, label string) []byte { return append(dst, label...) }

// mix spreads the bits of a number evenly.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// zipf draws from n values of which the i-th is i^-s times as likely as the first.
func zipf(r *rand.Rand, s float64, n uint64) func() uint64 {
	return rand.NewZipf(r, s, 1, n-1).Uint64
}

// What the goal is about: a million draws of a million values with Zipf's exponent 1.1.
const draws, values, capacity = 1_000_000, 1_000_000, 2048

// recalled draws and returns how many of the true top 20 are found, and the counts.
func recalled(seed uint64) (found int, top *Top, exact []int) {
	draw := zipf(rand.New(rand.NewPCG(seed, 7)), 1.1, values)
	top = New(capacity, whole)
	exact = make([]int, values)
	for range draws {
		v := draw()
		exact[v]++
		top.Add(mix(v+1), "user-"+strconv.FormatUint(v, 10), 1)
	}
	truth := make([]int, values)
	for i := range truth {
		truth[i] = i
	}
	slices.SortFunc(truth, func(a, b int) int { return exact[b] - exact[a] })
	heaviest := top.Heaviest(20)
	for _, v := range truth[:20] {
		if slices.ContainsFunc(heaviest, func(h Heavy) bool { return h.Hash == mix(uint64(v)+1) }) {
			found++
		}
	}
	return found, top, exact
}

// The goal: 95 % of the true top 20 in at most 1 MB.
func TestTopRecallsTheTrueTwenty(t *testing.T) {
	for seed := range uint64(3) {
		found, top, exact := recalled(seed)
		worst := 0.0
		for _, h := range top.Heaviest(capacity) {
			v, _ := strconv.Atoi(h.Label[len("user-"):])
			over := h.Count - float64(exact[v])
			worst = max(worst, over)
			if over < 0 || over > h.Excess {
				t.Fatalf("count of %s is %v, excess %v, truth %d", h.Label, h.Count, h.Excess, exact[v])
			}
		}
		t.Logf("seed %d: recall %d of 20, worst excess %.0f of %d allowed, %d bytes", seed, found, worst, draws/capacity, top.Bytes())
		if found < 19 {
			t.Errorf("recall %d of 20, want 19", found)
		}
		if worst > draws/capacity {
			t.Errorf("a count is %v too high, want at most %d", worst, draws/capacity)
		}
		if top.Bytes() > 1<<20 {
			t.Errorf("%d bytes, want at most 1 MB", top.Bytes())
		}
	}
}

func BenchmarkTopRecall(b *testing.B) {
	found, bytes, runs := 0, 0, uint64(0)
	for b.Loop() {
		n, top, _ := recalled(runs)
		found += n
		bytes = max(bytes, top.Bytes())
		runs++
	}
	b.ReportMetric(float64(found)/float64(runs)/20*100, "recall-%")
	b.ReportMetric(float64(bytes), "B")
}

// Against a plain map: no count is too low, none is more than N/k too high, and every
// key heavier than N/k is there; with weights, decay and any capacity.
func TestTopKeepsItsBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for range 300 {
		capacity := 1 + r.IntN(20)
		top := New(capacity, whole)
		exact := map[uint64]float64{}
		for range r.IntN(3000) {
			if r.IntN(500) == 0 {
				top.Scale(0.5)
				for h := range exact {
					exact[h] *= 0.5
				}
			}
			// Few different hashes that share their low bits: long probe sequences.
			hash := uint64(r.IntN(60)) << uint(r.IntN(3)) << 4
			weight := float64(1 + r.IntN(4))
			exact[hash] += weight
			top.Add(hash, strconv.FormatUint(hash, 10), weight)
		}
		bound := top.Total()/float64(capacity) + 1e-6
		found := map[uint64]bool{}
		for _, h := range top.Heaviest(capacity + 1) {
			if h.Label != strconv.FormatUint(h.Hash, 10) || found[h.Hash] {
				t.Fatalf("counter of %d labelled %q, seen before: %t", h.Hash, h.Label, found[h.Hash])
			}
			found[h.Hash] = true
			if over := h.Count - exact[h.Hash]; over < -1e-6 || over > bound || over > h.Excess+1e-6 {
				t.Fatalf("count %v, excess %v, truth %v, bound %v", h.Count, h.Excess, exact[h.Hash], bound)
			}
		}
		for hash, weight := range exact {
			if weight > bound && !found[hash] {
				t.Fatalf("a key of weight %v is missing, bound %v", weight, bound)
			}
		}
		if len(found) > capacity {
			t.Fatalf("%d counters, capacity %d", len(found), capacity)
		}
	}
}

func TestTopForgetsByHalves(t *testing.T) {
	top := New(4, whole)
	top.Add(1, "old", 16)
	top.Scale(0.5)
	top.Add(2, "new", 9)
	got := top.Heaviest(1)[0]
	if got.Label != "new" {
		t.Errorf("heaviest is %q, want the newer one", got.Label)
	}
	if top.Total() != 17 {
		t.Errorf("Total() = %v, want 17", top.Total())
	}
}

func BenchmarkTopAdd(b *testing.B) {
	for _, capacity := range []int{8, 2048} {
		b.Run("zipf/capacity="+strconv.Itoa(capacity), func(b *testing.B) {
			draw := zipf(rand.New(rand.NewPCG(1, 1)), 1.1, 1e6)
			hashes, labels := make([]uint64, 1<<16), make([]string, 1<<16)
			for i := range hashes {
				v := draw()
				hashes[i], labels[i] = mix(v+1), "user-"+strconv.FormatUint(v, 10)
			}
			top := New(capacity, whole)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				top.Add(hashes[i&0xffff], labels[i&0xffff], 1)
				i++
			}
		})
	}
}
