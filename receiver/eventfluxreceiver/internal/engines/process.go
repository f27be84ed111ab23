// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import "time"

const (
	// sameStart is how far two start times of one process may lie apart: some
	// are worked out from an uptime and the time of an export.
	sameStart = 2 * time.Second
	// newest is the weight of one export in the mean of the skew.
	newest = 0.2
)

// Process is what one export of metrics says of the process that sent it. The
// zero value of a field says nothing.
type Process struct {
	// PID is the process.pid. It is the same for every process in a container.
	PID string
	// Started is when the process began, by its own clock.
	Started time.Time
	// Uptime is how long the process has run. It counts where Started is not known.
	Uptime time.Duration
}

// process is the process behind an identity.
type process struct {
	Process
	restarts int64
}

// saw records what an export says, and reports whether it is of a new process.
// What an older process still had under way changes nothing.
func (p *process) saw(now Process) (restarted bool) {
	known := !p.Started.IsZero() && !now.Started.IsZero()
	if known && now.Started.Before(p.Started.Add(-sameStart)) {
		return false
	}
	other := p.PID != "" && now.PID != "" && p.PID != now.PID
	restarted = other || known && now.Started.After(p.Started.Add(sameStart)) ||
		!known && now.Uptime > 0 && now.Uptime < p.Uptime-sameStart
	if restarted {
		p.restarts++
		p.Process = now
		return true
	}
	if p.PID == "" {
		p.PID = now.PID
	}
	if p.Started.IsZero() {
		p.Started = now.Started
	}
	p.Uptime = max(p.Uptime, now.Uptime)
	return false
}

// skew is a mean in which older exports count less and less.
type skew struct {
	mean  time.Duration
	known bool
}

func (s *skew) add(ahead time.Duration) {
	if !s.known {
		*s = skew{ahead, true}
		return
	}
	s.mean += time.Duration(newest * float64(ahead-s.mean))
}

// Saw records what an export of metrics says of its process, and over which open
// connection it came. A new process under the identity is a restart, for which a
// goodbye of the last one does not hold. Saw reports whether another process that
// is alive uses the identity, too, and whether that is new.
func (r *Registry) Saw(id Identity, of Process, on Connection, now time.Time) (conflict, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.byID[id]
	if !ok {
		return false, false
	}
	e := el.Value.(*engine)
	if conflict, first = r.occupied(e, of, on, now); conflict {
		return conflict, first
	}
	if e.process.saw(of) {
		e.goodbye, e.leaving = time.Time{}, time.Time{}
		r.changed = true
	}
	return false, false
}

// Clock records how far the newest time in an export of the engine itself lay
// ahead of the time of its arrival.
func (r *Registry) Clock(id Identity, ahead time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if el, ok := r.byID[id]; ok {
		el.Value.(*engine).skew.add(ahead)
	}
}
