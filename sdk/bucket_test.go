// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestBucketHoldsOneSecondAndRefills(t *testing.T) {
	var b bucket
	b.setRate(10)
	taken := func(now time.Duration) (n int) {
		for b.take(int64(now)) {
			n++
		}
		return n
	}
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{0, 10}, {0, 0}, {99 * time.Millisecond, 0}, {300 * time.Millisecond, 3}, {time.Hour, 10}} {
		if got := taken(step.at); got != step.want {
			t.Errorf("at %s: took %d tokens, want %d", step.at, got, step.want)
		}
	}
	b.stop()
	if b.take(int64(2 * time.Hour)) {
		t.Error("a stopped bucket gave a token")
	}
}

func TestSlowBucketGivesOneTokenPerInterval(t *testing.T) {
	var b bucket
	b.setRate(0.5)
	if !b.take(0) || b.take(int64(time.Second)) || !b.take(int64(2*time.Second)) {
		t.Error("0.5 tokens per second are one token every two seconds")
	}
}

func TestZeroBucketRefuses(t *testing.T) {
	var b bucket
	b.setRate(-1)
	if b.take(0) {
		t.Error("a bucket without a rate gave a token")
	}
}

func TestBucketConcurrentSafe(t *testing.T) {
	var b bucket
	b.setRate(100)
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if b.take(0) {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if taken.Load() != 100 {
		t.Errorf("took %d tokens, want 100", taken.Load())
	}
}
