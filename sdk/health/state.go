// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import "time"

// state is what is known about one check. It has no clock and is guarded by Registry.mu.
type state struct {
	status   Status
	message  string
	since    time.Time
	duration time.Duration
	runs     uint64
	failures uint64
	panics   uint64
	worse    int // results in a row that were worse than status
}

// judge takes a result into account and reports whether the status changed. It changes for the worse only after
// threshold results in a row that are worse than it, to the last of them.
func (s *state) judge(r Result, threshold int, now time.Time) (changed bool) {
	if r.Status > s.status && r.Status > Healthy {
		s.worse++
		if s.worse < threshold {
			return false
		}
	}
	s.worse = 0
	s.message = r.Message
	if r.Status == s.status {
		return false
	}
	s.status, s.since = r.Status, now
	return true
}

// ran counts a run.
func (s *state) ran(o outcome) {
	s.runs++
	s.duration = o.took
	if o.failed() {
		s.failures++
	}
	if o.panicked {
		s.panics++
	}
}

// part is what the whole depends on of one check.
type part struct {
	status   Status
	severity Severity
}

// whole returns the status of an engine from those of its parts.
func whole(parts []part) Status {
	sum := Healthy
	unknown := false
	for _, p := range parts {
		switch {
		case p.status == Unhealthy && p.severity == Critical:
			return Unhealthy
		case p.status == Unhealthy, p.status == Degraded:
			sum = Degraded
		case p.status == Unknown && p.severity == Critical:
			unknown = true
		}
	}
	if sum == Healthy && unknown {
		return Unknown
	}
	return sum
}

// ready reports whether every part without which the engine is of no use has said that it works.
func ready(parts []part) bool {
	for _, p := range parts {
		if p.severity == Critical && p.status != Healthy && p.status != Degraded {
			return false
		}
	}
	return true
}
