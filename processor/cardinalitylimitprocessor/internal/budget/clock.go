// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"math"
	"time"
)

// ticksPerTTL is how often expired series are looked for. It bounds how much longer than
// the time to live a silent series can hold its place: by a twentieth.
const ticksPerTTL = 20

// Tick is a moment on a Table's own clock, which counts twentieths of the time to live,
// of one millisecond at least. It stops after 2^31 of them: with a time to live of one
// second that is three years.
type Tick int32

// clock translates times to Ticks. It shows first at base, and never less.
type clock struct {
	base  time.Time
	first Tick
	tick  time.Duration
}

func tickOf(ttl time.Duration) time.Duration {
	return max(ttl/ticksPerTTL, time.Millisecond)
}

func (c *clock) at(now time.Time) Tick {
	passed := max(now.Sub(c.base)/c.tick, 0)
	return Tick(min(time.Duration(c.first)+passed, math.MaxInt32))
}

// Tick translates a time to the Table's clock, which runs on the monotonic reading of
// now if it has one, so that setting the wall clock neither revives nor kills series.
func (t *Table) Tick(now time.Time) Tick {
	for {
		c := t.clock.Load()
		at, tick := c.at(now), time.Duration(t.tick.Load())
		if c.tick == tick {
			return at
		}
		// The limits changed: go on from here with another speed.
		t.clock.CompareAndSwap(c, &clock{base: now, first: at, tick: tick})
	}
}
