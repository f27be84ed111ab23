// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math"
	"sync/atomic"
	"time"
)

// bucket is a token bucket in one atomic word: it stores the time at which it would be full again, so that a
// refusal costs a load and a comparison. It holds at most one second's worth of tokens, and at least one.
//
// All methods are safe for concurrent use. The zero bucket refuses everything.
type bucket struct {
	interval atomic.Int64 // nanoseconds per token; zero refuses
	depth    int64        // how far fullAt may lie ahead, in nanoseconds
	fullAt   atomic.Int64
}

// setRate sets tokens per second, before first use. Zero and below refuse everything.
func (b *bucket) setRate(perSecond float64) {
	if perSecond <= 0 {
		return
	}
	interval := max(int64(float64(time.Second)/perSecond), 1)
	b.depth = max(int64(time.Second), interval)
	b.interval.Store(interval)
}

// stop makes the bucket refuse from now on.
func (b *bucket) stop() {
	b.interval.Store(0)
}

// next returns a time before which take is sure to refuse.
func (b *bucket) next() int64 {
	interval := b.interval.Load()
	if interval == 0 {
		return math.MaxInt64
	}
	return b.fullAt.Load() + interval - b.depth
}

// take reports whether there was a token, and removes it. now is a reading of any steady clock in nanoseconds.
func (b *bucket) take(now int64) bool {
	interval := b.interval.Load()
	if interval == 0 {
		return false
	}
	for {
		fullAt := b.fullAt.Load()
		next := max(fullAt, now) + interval
		if next > now+b.depth {
			return false
		}
		if b.fullAt.CompareAndSwap(fullAt, next) {
			return true
		}
	}
}
