// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package cells holds the numbers behind the metrics: what a recording call touches and nothing else.
//
// It knows no attributes, no names and no exporter. Shared types (Counter, Histogram) may be used from any
// goroutine; a Cell belongs to exactly one.
package cells

import "sync/atomic"

// Counter is a shared signed total. Add costs one atomic addition; use a Cell on per-event paths.
// A nil Counter ignores additions and reads as zero.
type Counter struct {
	v atomic.Int64
}

// Add adds n, which may be negative for totals that go up and down. Safe for concurrent use.
func (c *Counter) Add(n int64) {
	if c != nil {
		c.v.Add(n)
	}
}

// Load returns the current total.
func (c *Counter) Load() int64 {
	if c == nil {
		return 0
	}
	return c.v.Load()
}
