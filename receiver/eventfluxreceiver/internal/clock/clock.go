// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package clock keeps the timestamps of an engine from going back when its clock
// is set back. Backends that keep the newest point of a series, such as the
// Prometheus exporter, would show the last value from before until the clock has
// caught up, and would lose what comes meanwhile.
package clock

import "time"

// maxLead is the largest step back that is smoothed. After a larger one the
// earlier timestamps were wrong by far, and are best forgotten.
const maxLead = time.Hour

// Clock follows the timestamps of one engine. The zero Clock has seen none. It
// is not safe for concurrent use.
//
//	the engine says   10:00:50  10:01:00  10:00:30  10:00:40  10:00:50 ...  10:01:30
//	what leaves       10:00:50  10:01:00  10:00:30  10:01:05  10:01:10 ...  10:01:30
//	                                      doubtful  set back, half speed until caught up
type Clock struct {
	said time.Time // newest timestamp of the engine, since its clock was set back
	left time.Time // newest timestamp that left, never before said

	// A request with older timestamps may just be late, see Follow.
	doubt   time.Time // its newest timestamp, zero if there is none in doubt
	doubtAt time.Time // when it arrived
}

// Follow takes the newest timestamp of a request that arrived at now and returns
// what to add to the timestamps of the request so that they do not go back,
// mostly 0.
//
// A single request with older timestamps is late, and whoever keeps the newest
// point is right to ignore it. It takes a second one, later than the first by
// about as much as it arrived later, to show that the engine's clock was set
// back: what was delayed on the way arrives in a heap.
func (c *Clock) Follow(newest, now time.Time) time.Duration {
	switch {
	case c.said.IsZero():
		c.said, c.left = newest, newest
	case !newest.Before(c.said):
		c.advance(newest, newest.Sub(c.said))
	case c.said.Sub(newest) > maxLead && c.goesOn(newest, now):
		*c = Clock{said: newest, left: newest}
	case c.goesOn(newest, now):
		c.advance(newest, newest.Sub(c.doubt))
	default:
		c.doubt, c.doubtAt = newest, now
	}
	return c.left.Sub(c.said)
}

// advance moves what leaves at half the speed of the engine's clock until the
// engine has caught up.
func (c *Clock) advance(newest time.Time, by time.Duration) {
	c.said = newest
	c.left = c.left.Add(by / 2)
	if c.left.Before(newest) {
		c.left = newest
	}
	c.doubt, c.doubtAt = time.Time{}, time.Time{}
}

// goesOn reports whether the clock went on from the request in doubt as time did.
func (c *Clock) goesOn(newest, now time.Time) bool {
	if c.doubt.IsZero() {
		return false
	}
	went, passed := newest.Sub(c.doubt), now.Sub(c.doubtAt)
	return went > 0 && passed <= 2*went && went <= 2*passed
}
