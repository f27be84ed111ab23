// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cells

import "math/bits"

// Tally is a histogram of plain numbers, for one goroutine or under a lock. The zero Tally ignores observations.
type Tally struct {
	scale   *buckets
	counts  [maxBuckets]uint32
	touched uint64 // one bit per bucket in use
	sum     int64
}

// NewTally returns a Tally with the buckets of h, or one that ignores observations if h is nil.
func NewTally(h *Histogram) Tally {
	if h == nil {
		return Tally{}
	}
	return Tally{scale: &h.scale}
}

// Observe records one value. Negative values count as zero.
func (t *Tally) Observe(v int64) {
	if t.scale == nil {
		return
	}
	v = max(v, 0)
	i := uint(t.scale.of(v)) % maxBuckets
	t.counts[i]++
	t.touched |= 1 << i
	t.sum += v
}

// MoveTo adds everything to other, which has the same buckets, and leaves t empty.
func (t *Tally) MoveTo(other *Tally) {
	for touched := t.touched; touched != 0; touched &= touched - 1 {
		i := bits.TrailingZeros64(touched)
		other.counts[i] += t.counts[i]
		t.counts[i] = 0
	}
	other.touched |= t.touched
	other.sum += t.sum
	t.touched, t.sum = 0, 0
}

// Publish adds everything to h, whose buckets t has, and leaves t empty: one atomic addition per bucket in use, and
// one for the sum. Publish at least once per four billion observations.
func (t *Tally) Publish(h *Histogram) {
	if t.touched == 0 {
		return
	}
	for touched := t.touched; touched != 0; touched &= touched - 1 {
		i := bits.TrailingZeros64(touched)
		h.counts[i].Add(uint64(t.counts[i]))
		t.counts[i] = 0
	}
	h.sum.Add(t.sum)
	t.touched, t.sum = 0, 0
}

// LocalHistogram is to a Histogram what a Cell is to a Counter.
type LocalHistogram struct {
	pending Tally // the owner's
	settled Tally // under the lock
	to      *Histogram
}

// NewLocalHistogram returns a LocalHistogram that publishes into to, or one that ignores observations if to is
// nil.
func NewLocalHistogram(to *Histogram) *LocalHistogram {
	return &LocalHistogram{pending: NewTally(to), settled: NewTally(to), to: to}
}

// Observe records one value locally, without an atomic. Negative values count as zero.
func (l *LocalHistogram) Observe(v int64) {
	l.pending.Observe(v)
}

// Settle makes what was observed so far ready to be published.
func (l *LocalHistogram) Settle() {
	l.pending.MoveTo(&l.settled)
}

// Publish adds what is settled to the histogram.
func (l *LocalHistogram) Publish() {
	l.settled.Publish(l.to)
}
