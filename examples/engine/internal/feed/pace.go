// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package feed

import "time"

// pace spreads events evenly over time. The zero rate means no limit.
type pace struct {
	rate  float64 // events per second
	start time.Time
	sent  float64
}

const maxWait = 100 * time.Millisecond // a slow stream still moves this often

// next says how many of at most n events are due at now, or how long to wait.
func (p *pace) next(now time.Time, n int) (due int, wait time.Duration) {
	if p.rate <= 0 {
		return n, 0
	}
	if p.start.IsZero() {
		p.start = now
	}
	owed := now.Sub(p.start).Seconds()*p.rate - p.sent
	if most := p.rate + float64(n); owed > most { // no more than a second is caught up after a pump was held up
		p.sent += owed - most
		owed = most
	}
	want := min(max(int(p.rate*maxWait.Seconds()), 1), n)
	if owed < float64(want) {
		return 0, max(time.Duration((float64(want)-owed)/p.rate*float64(time.Second)), time.Microsecond)
	}
	due = min(int(owed), n)
	p.sent += float64(due)
	return due, 0
}

// change goes on at another rate.
func (p *pace) change(rate float64) {
	if rate != p.rate {
		*p = pace{rate: rate}
	}
}
