// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cells

import "math/bits"

// LocalHistogram is a worker-local histogram: plain numbers that only their owner touches, published by Flush.
// The zero LocalHistogram ignores observations. It must not be shared between goroutines.
type LocalHistogram struct {
	to      *Histogram
	scale   *buckets
	pending [maxBuckets]uint32
	touched uint64 // one bit per bucket with pending observations
	sum     int64
}

// NewLocalHistogram returns a LocalHistogram that publishes into to, or one that ignores observations if to is
// nil.
func NewLocalHistogram(to *Histogram) *LocalHistogram {
	l := &LocalHistogram{to: to}
	if to != nil {
		l.scale = &to.scale
	}
	return l
}

// Observe records one value locally, without an atomic. Negative values count as zero.
func (l *LocalHistogram) Observe(v int64) {
	if l.scale == nil {
		return
	}
	v = max(v, 0)
	i := uint(l.scale.of(v)) % maxBuckets
	l.pending[i]++
	l.touched |= 1 << i
	l.sum += v
}

// Flush publishes what was observed since the last Flush: one atomic addition per bucket in use, and one for the
// sum. Flush at least once per four billion observations.
func (l *LocalHistogram) Flush() {
	if l.touched == 0 {
		return
	}
	for touched := l.touched; touched != 0; touched &= touched - 1 {
		i := bits.TrailingZeros64(touched)
		l.to.counts[i].Add(uint64(l.pending[i]))
		l.pending[i] = 0
	}
	l.to.sum.Add(l.sum)
	l.touched, l.sum = 0, 0
}
