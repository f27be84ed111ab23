// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cells

import (
	"math"
	"sync/atomic"
	"time"
)

// Exemplar ties one observation to the trace it was made in.
type Exemplar struct {
	Value   time.Duration
	Time    time.Time
	TraceID [16]byte
	SpanID  [8]byte
}

// Histogram counts durations in explicit buckets. All methods are safe for concurrent use; an observation is
// two atomic additions. A nil Histogram ignores observations.
type Histogram struct {
	limits    []int64 // upper bounds in nanoseconds, inclusive, ascending
	counts    []atomic.Uint64
	exemplars []atomic.Pointer[Exemplar] // one slot per bucket, newest wins
	sum       atomic.Int64               // nanoseconds
}

// NewHistogram returns a Histogram with the given upper bounds in seconds, ascending, plus one overflow bucket.
func NewHistogram(bounds []float64) *Histogram {
	h := &Histogram{
		limits:    make([]int64, len(bounds)),
		counts:    make([]atomic.Uint64, len(bounds)+1),
		exemplars: make([]atomic.Pointer[Exemplar], len(bounds)+1),
	}
	for i, b := range bounds {
		h.limits[i] = int64(math.Round(b * float64(time.Second)))
	}
	return h
}

// Observe records one duration. Negative durations, which a stepped clock can produce, count as zero.
func (h *Histogram) Observe(d time.Duration) {
	if h == nil {
		return
	}
	h.observe(max(d, 0))
}

// ObserveExemplar is Observe for a recorded trace: it also leaves e in the bucket's exemplar slot. It allocates,
// so only sampled batches call it.
func (h *Histogram) ObserveExemplar(e Exemplar) {
	if h == nil {
		return
	}
	e.Value = max(e.Value, 0)
	h.exemplars[h.observe(e.Value)].Store(&e)
}

func (h *Histogram) observe(d time.Duration) int {
	i := 0
	for i < len(h.limits) && int64(d) > h.limits[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
	return i
}

// Snapshot is a Histogram at one moment. Its slices are fresh and belong to the caller.
type Snapshot struct {
	Count     uint64
	Sum       time.Duration
	Counts    []uint64
	Exemplars []Exemplar
}

// Snapshot reads the histogram. Count always equals the sum of Counts; Sum may already hold an observation that
// is not counted yet, never the reverse for long.
func (h *Histogram) Snapshot() Snapshot {
	if h == nil {
		return Snapshot{}
	}
	s := Snapshot{Counts: make([]uint64, len(h.counts))}
	for i := range h.counts {
		s.Counts[i] = h.counts[i].Load()
		s.Count += s.Counts[i]
		if e := h.exemplars[i].Load(); e != nil {
			s.Exemplars = append(s.Exemplars, *e)
		}
	}
	s.Sum = time.Duration(h.sum.Load())
	return s
}
