// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cells

import (
	"slices"
	"sync"
	"testing"
	"time"
)

func TestCellPublishesOnFlush(t *testing.T) {
	var total Counter
	c := NewCell(&total)
	c.Add(2)
	c.Add(3)
	if total.Load() != 0 {
		t.Error("a cell published before Flush")
	}
	c.Flush()
	c.Flush()
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
	cell.Flush()
	if c.Load() != 0 || h.Snapshot().Count != 0 {
		t.Error("a nil cell counted")
	}
}

func TestHistogramBoundsAreInclusive(t *testing.T) {
	h := NewHistogram([]float64{0.001, 0.01})
	for _, d := range []time.Duration{-1, 0, time.Millisecond, time.Millisecond + 1, 10 * time.Millisecond, time.Second} {
		h.Observe(d)
	}
	s := h.Snapshot()
	if !slices.Equal(s.Counts, []uint64{3, 2, 1}) || s.Count != 6 {
		t.Errorf("counts = %v of %d, want [3 2 1] of 6", s.Counts, s.Count)
	}
	if want := time.Second + 12*time.Millisecond + 1; s.Sum != want {
		t.Errorf("sum = %s, want %s", s.Sum, want)
	}
}

func TestNewestExemplarOfABucketWins(t *testing.T) {
	h := NewHistogram([]float64{0.001})
	for i := byte(1); i <= 3; i++ {
		h.ObserveExemplar(Exemplar{Value: time.Duration(i), TraceID: [16]byte{i}})
	}
	h.ObserveExemplar(Exemplar{Value: time.Second, TraceID: [16]byte{9}})
	e := h.Snapshot().Exemplars
	if len(e) != 2 || e[0].TraceID[0] != 3 || e[1].TraceID[0] != 9 {
		t.Errorf("exemplars = %v, want the newest of each bucket", e)
	}
}

func TestHistogramConcurrentSafe(t *testing.T) {
	h := NewHistogram([]float64{0.001})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				h.ObserveExemplar(Exemplar{Value: time.Millisecond})
				_ = h.Snapshot()
			}
		})
	}
	wg.Wait()
	if s := h.Snapshot(); s.Count != 4000 || s.Sum != 4*time.Second {
		t.Errorf("count %d, sum %s", s.Count, s.Sum)
	}
}

func BenchmarkCellAdd(b *testing.B) {
	var total Counter
	c := NewCell(&total)
	for b.Loop() {
		c.Add(1)
	}
	c.Flush()
}

func BenchmarkCounterAdd(b *testing.B) {
	var total Counter
	for b.Loop() {
		total.Add(1)
	}
}

func BenchmarkHistogramObserve(b *testing.B) {
	h := NewHistogram([]float64{10e-6, 100e-6, 1e-3, 10e-3})
	for b.Loop() {
		h.Observe(42 * time.Microsecond)
	}
}
