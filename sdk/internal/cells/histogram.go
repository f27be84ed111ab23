// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cells

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// Exemplar ties one observation to the trace it was made in.
type Exemplar struct {
	Value   int64
	Time    time.Time
	TraceID [16]byte
	SpanID  [8]byte
}

// maxBuckets is how many buckets a LocalHistogram can mark in one word.
const maxBuckets = 64

// Histogram counts whole numbers in explicit buckets: nanoseconds for a metric of time, otherwise units. All
// methods are safe for concurrent use; an observation is two atomic additions. A nil Histogram ignores
// observations.
type Histogram struct {
	scale     buckets
	counts    []atomic.Uint64
	exemplars []atomic.Pointer[Exemplar] // one slot per bucket, newest wins
	sum       atomic.Int64
}

// NewHistogram returns a Histogram with the given upper bounds, ascending, and one bucket above them. A bound is
// multiplied by unit to make the whole number it stands for: 1e9 for bounds in seconds. Bounds beyond the 63rd
// are left out.
func NewHistogram(bounds []float64, unit float64) *Histogram {
	bounds = bounds[:min(len(bounds), maxBuckets-1)]
	h := &Histogram{
		scale:     buckets{limits: make([]int64, len(bounds))},
		counts:    make([]atomic.Uint64, len(bounds)+1),
		exemplars: make([]atomic.Pointer[Exemplar], len(bounds)+1),
	}
	for i, b := range bounds {
		h.scale.limits[i] = int64(math.Round(b * unit))
	}
	h.scale.index()
	return h
}

// buckets finds the bucket of a value: from the number of its bits to the first bucket that such a number can be
// in, and from there by comparison. With bounds that grow by a factor of two or more that is one comparison.
type buckets struct {
	limits []int64 // upper bounds, inclusive, ascending
	first  [65]uint8
}

func (b *buckets) index() {
	for length := range b.first {
		smallest := int64(0)
		if length > 0 {
			smallest = int64(uint64(1) << (length - 1) & math.MaxInt64)
		}
		for int(b.first[length]) < len(b.limits) && b.limits[b.first[length]] < smallest {
			b.first[length]++
		}
	}
}

// of returns the bucket of v, which must not be negative.
func (b *buckets) of(v int64) int {
	i := int(b.first[bits.Len64(uint64(v))])
	for i < len(b.limits) && v > b.limits[i] {
		i++
	}
	return i
}

// Observe records one value. Negative values, which a stepped clock can produce, count as zero.
func (h *Histogram) Observe(v int64) {
	if h != nil {
		h.observe(max(v, 0))
	}
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

func (h *Histogram) observe(v int64) int {
	i := h.scale.of(v)
	h.counts[i].Add(1)
	h.sum.Add(v)
	return i
}

// Snapshot is a Histogram at one moment. Its slices are fresh and belong to the caller.
type Snapshot struct {
	Count     uint64
	Sum       int64
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
	s.Sum = h.sum.Load()
	return s
}
