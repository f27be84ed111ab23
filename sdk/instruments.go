// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

// The instruments that handles give out. Each is bound to one series: keep it, and recording looks nothing up.
// All of them are safe for concurrent use, and a nil one, which handles give out while the SDK is off or below
// the metric's level, ignores everything.

// Counter counts things that happen. Adding is one atomic addition; on per-event paths count in a Cell.
type Counter cells.Counter

// Add counts n. A counter never goes down: n below zero is ignored.
func (c *Counter) Add(n int) {
	if c != nil && n > 0 {
		(*cells.Counter)(c).Add(int64(n))
	}
}

// Inc counts one.
func (c *Counter) Inc() { (*cells.Counter)(c).Add(1) }

// TimeCounter adds up time, and is exported in seconds. Adding is one atomic addition.
type TimeCounter cells.Counter

// Add adds d; a time span below zero, which a stepped clock can produce, is ignored.
func (c *TimeCounter) Add(d time.Duration) {
	if c != nil && d > 0 {
		(*cells.Counter)(c).Add(int64(d))
	}
}

// UpDownCounter is a number that goes up and down, such as a size. Either change it with Add, or give it a
// function to be read through.
type UpDownCounter struct {
	total   *cells.Counter
	reading reading
	handle  *handle
}

// Add changes the number by n. It is one atomic addition.
func (c *UpDownCounter) Add(n int) {
	if c != nil {
		c.total.Add(int64(n))
	}
}

// Func adds what f returns to the number. f is called at every collection on a goroutine of the SDK and should
// return at once. A second call replaces the first, nil takes it away.
func (c *UpDownCounter) Func(f func() int64) {
	if c != nil {
		c.reading.set(c.handle.sdk.registry, asFloat(f))
	}
}

// Gauge is a value of the moment. Nothing is exported until it is set or has a function to be read through.
type Gauge struct {
	bits    atomic.Uint64
	set     atomic.Bool
	reading reading
	handle  *handle
}

// Set makes v the value. NaN and infinities are not exported. It is one atomic store.
func (g *Gauge) Set(v float64) {
	if g == nil {
		return
	}
	g.bits.Store(math.Float64bits(v))
	if !g.set.Load() && g.set.CompareAndSwap(false, true) {
		g.reading.set(g.handle.sdk.registry, func() float64 { return math.Float64frombits(g.bits.Load()) })
	}
}

// Func makes f the value: it is called at every collection on a goroutine of the SDK and should return at once.
// It replaces what Set or an earlier Func said; nil takes the gauge out of the export.
func (g *Gauge) Func(f func() float64) {
	if g != nil {
		g.set.Store(false)
		g.reading.set(g.handle.sdk.registry, f)
	}
}

// Histogram counts durations in buckets. Observing is two atomic additions; on per-event paths observe in a
// LocalHistogram.
type Histogram cells.Histogram

// Observe records d. A time span below zero counts as zero.
func (h *Histogram) Observe(d time.Duration) { (*cells.Histogram)(h).Observe(int64(d)) }

// SizeHistogram counts sizes, in bytes or things, in buckets. Observing is two atomic additions.
type SizeHistogram cells.Histogram

// Observe records n. A size below zero counts as zero.
func (h *SizeHistogram) Observe(n int) { (*cells.Histogram)(h).Observe(int64(n)) }
