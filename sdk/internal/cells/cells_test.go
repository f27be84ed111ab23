// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cells

import (
	"math"
	"slices"
	"sync"
	"testing"
)

func TestACellPublishesWhatIsSettled(t *testing.T) {
	var total Counter
	c := NewCell(&total)
	c.Add(2)
	c.Add(3)
	if total.Load() != 0 {
		t.Error("a cell published what was not settled")
	}
	c.Publish()
	if total.Load() != 0 {
		t.Error("what is not settled was published")
	}
	c.Settle()
	c.Publish()
	c.Publish()
	if total.Load() != 5 {
		t.Errorf("total = %d, want 5", total.Load())
	}
}

func TestNilReceiversAreLegal(t *testing.T) {
	var c *Counter
	c.Add(1)
	var h *Histogram
	h.Observe(1)
	h.ObserveExemplar(Exemplar{})
	var cell Cell
	cell.Add(1)
	cell.Settle()
	cell.Publish()
	if c.Load() != 0 || h.Snapshot().Count != 0 {
		t.Error("a nil cell counted")
	}
}

func TestHistogramBoundsAreInclusive(t *testing.T) {
	h := NewHistogram([]float64{0.001, 0.01}, 1e9)
	for _, d := range []int64{-1, 0, 1e6, 1e6 + 1, 10e6, 1e9} {
		h.Observe(d)
	}
	s := h.Snapshot()
	if !slices.Equal(s.Counts, []uint64{3, 2, 1}) || s.Count != 6 {
		t.Errorf("counts = %v of %d, want [3 2 1] of 6", s.Counts, s.Count)
	}
	if want := int64(1e9 + 12e6 + 1); s.Sum != want {
		t.Errorf("sum = %d, want %d", s.Sum, want)
	}
}

func TestNewestExemplarOfABucketWins(t *testing.T) {
	h := NewHistogram([]float64{0.001}, 1e9)
	for i := byte(1); i <= 3; i++ {
		h.ObserveExemplar(Exemplar{Value: int64(i), TraceID: [16]byte{i}})
	}
	h.ObserveExemplar(Exemplar{Value: 1e9, TraceID: [16]byte{9}})
	e := h.Snapshot().Exemplars
	if len(e) != 2 || e[0].TraceID[0] != 3 || e[1].TraceID[0] != 9 {
		t.Errorf("exemplars = %v, want the newest of each bucket", e)
	}
}

func TestHistogramConcurrentSafe(t *testing.T) {
	h := NewHistogram([]float64{0.001}, 1e9)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				h.ObserveExemplar(Exemplar{Value: 1e6})
				_ = h.Snapshot()
			}
		})
	}
	wg.Wait()
	if s := h.Snapshot(); s.Count != 4000 || s.Sum != 4e9 {
		t.Errorf("count %d, sum %d", s.Count, s.Sum)
	}
}

func BenchmarkCellAdd(b *testing.B) {
	var total Counter
	c := NewCell(&total)
	for b.Loop() {
		c.Add(1)
	}
	c.Settle()
	c.Publish()
}

func BenchmarkCounterAdd(b *testing.B) {
	var total Counter
	for b.Loop() {
		total.Add(1)
	}
}

func BenchmarkHistogramObserve(b *testing.B) {
	h := NewHistogram([]float64{10e-6, 100e-6, 1e-3, 10e-3}, 1e9)
	for b.Loop() {
		h.Observe(42_000)
	}
}

var latencyBounds = []float64{
	10e-6, 50e-6, 100e-6, 500e-6, 1e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10,
}

// FuzzBuckets holds that the index finds the bucket that a comparison with every bound finds.
func FuzzBuckets(f *testing.F) {
	for _, v := range []int64{0, 1, 9_999, 10_000, 10_001, math.MaxInt64} {
		f.Add(v, uint8(0))
	}
	scales := []*Histogram{NewHistogram(latencyBounds, 1e9), NewHistogram([]float64{1, 2, 3, 4, 5}, 1), NewHistogram(nil, 1), NewHistogram([]float64{0, 0.4}, 1)}
	f.Fuzz(func(t *testing.T, v int64, which uint8) {
		h := scales[int(which)%len(scales)]
		v = max(v, 0)
		want := 0
		for want < len(h.scale.limits) && v > h.scale.limits[want] {
			want++
		}
		if got := h.scale.of(v); got != want {
			t.Errorf("bucket of %d = %d, want %d", v, got, want)
		}
	})
}

func TestALocalHistogramPublishesWhatItCounted(t *testing.T) {
	shared, other := NewHistogram(latencyBounds, 1e9), NewHistogram(latencyBounds, 1e9)
	local := NewLocalHistogram(shared)
	for i := range int64(1000) {
		v := (i - 10) * i * 977
		local.Observe(v)
		other.Observe(v)
	}
	if s := shared.Snapshot(); s.Count != 0 || s.Sum != 0 {
		t.Errorf("%d observations before the flush, sum %d", s.Count, s.Sum)
	}
	local.Publish()
	if s := shared.Snapshot(); s.Count != 0 {
		t.Errorf("%d observations were published before they were settled", s.Count)
	}
	local.Settle()
	local.Publish()
	local.Publish()
	if got, want := shared.Snapshot(), other.Snapshot(); !slices.Equal(got.Counts, want.Counts) || got.Sum != want.Sum {
		t.Errorf("got %v sum %d, want %v sum %d", got.Counts, got.Sum, want.Counts, want.Sum)
	}
	nobody := NewLocalHistogram(nil)
	nobody.Observe(1)
	nobody.Settle()
	nobody.Publish()
}

func TestBoundsBeyondTheLastBucketAreLeftOut(t *testing.T) {
	bounds := make([]float64, 100)
	for i := range bounds {
		bounds[i] = float64(i)
	}
	h := NewHistogram(bounds, 1)
	h.Observe(99)
	if s := h.Snapshot(); len(s.Counts) != maxBuckets || s.Counts[maxBuckets-1] != 1 {
		t.Errorf("counts = %v", s.Counts)
	}
}
