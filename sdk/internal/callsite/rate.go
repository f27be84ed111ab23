// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package callsite

import "time"

// Rate is a token bucket whose whole state is one time: when it will be full again.
type Rate struct {
	each time.Duration // one token
	size time.Duration // all of them
}

// NewRate returns a Rate of perSecond tokens per second that holds one second's worth, but at least one token.
func NewRate(perSecond float64) Rate {
	each := time.Duration(float64(time.Second) / max(perSecond, 1e-3))
	each = max(each, 1)
	return Rate{each: each, size: max(time.Second, each)}
}

// Take takes one token at now from a bucket that will be full again at full, and returns its new state. It is
// false if there is none. A bucket that would be full only later than it can be, because the clock went back, is
// full.
func (r Rate) Take(full, now time.Duration) (time.Duration, bool) {
	if full < now || full-now > r.size {
		full = now
	}
	next := full + r.each
	return next, next-now <= r.size
}
