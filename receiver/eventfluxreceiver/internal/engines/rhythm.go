// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import "time"

const (
	// patienceFactor is the number of export intervals without data that make
	// silence. A sender that jitters each export by half the interval leaves a
	// gap of at most five intervals after three lost exports in a row, and of at
	// most six after four.
	patienceFactor = 6
	// gapsKept is the number of gaps that an interval is the mean of. The mean
	// lies at most one part in 31 above it, plus what losses add.
	gapsKept = 32
	// oneExport is how close together requests belong to one export.
	oneExport = 250 * time.Millisecond
)

// rhythm learns how often an engine exports its metrics. The zero rhythm knows
// nothing.
type rhythm struct {
	last time.Time
	gaps [gapsKept]time.Duration // a ring
	seen int                     // gaps ever put into it
	sum  time.Duration
}

// beat records an export.
func (r *rhythm) beat(now time.Time) {
	gap := now.Sub(r.last)
	switch {
	case r.last.IsZero():
		r.last = now
		return
	case gap < oneExport:
		return
	}
	slot := r.seen % gapsKept
	r.sum += gap - r.gaps[slot]
	r.gaps[slot] = gap
	r.seen++
	r.last = now
}

// interval returns the learned export interval, not too short by the jitter of
// the first and the last export: n gaps span at least n-1 intervals. It is zero
// before the second gap.
func (r *rhythm) interval() time.Duration {
	n := min(r.seen, gapsKept)
	if n < 2 {
		return 0
	}
	return r.sum / time.Duration(n-1)
}
