// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// differs reports whether two processes are surely not the same.
func (p Process) differs(from Process) bool {
	if p.PID != "" && from.PID != "" && p.PID != from.PID {
		return true
	}
	known := !p.Started.IsZero() && !from.Started.IsZero()
	return known && p.Started.Sub(from.Started).Abs() > sameStart
}

// occupied notes which process sends over a connection. It reports whether another
// one, which came later over a connection that is still open, uses the identity of
// the engine, too, and whether that was not known before.
//
// The order tells this from a restart: after a restart the old process sends no
// more, even where the end of its connection is noticed late.
func (r *Registry) occupied(e *engine, of Process, on Connection, now time.Time) (other, found bool) {
	c, ok := r.connections[on]
	if !ok || c.shared || c.engine != e {
		return false, false
	}
	if c.since.IsZero() || c.process.differs(of) {
		c.process, c.since = of, now
		return false, false
	}
	for _, id := range e.connections {
		if o := r.connections[id]; o != c && !o.since.IsZero() && o.process.differs(of) && !o.since.Before(c.since) {
			found = !c.conflict
			c.conflict, o.conflict = true, true
			return true, found
		}
	}
	return c.conflict && len(e.connections) > 1, false
}

// Claim binds the identity to the principal that uses it first, and for as long as
// the engine lives. It reports whether another principal than that one uses the
// identity now, and whether that is new.
func (r *Registry) Claim(id Identity, principal string, now time.Time) (conflict, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.byID[id]
	if !ok {
		return false, false
	}
	e := el.Value.(*engine)
	if e.principal == principal {
		return false, false
	}
	if state, _ := r.judge(e, now); e.principal == "" || state != engineview.StateUp {
		e.principal, e.claimed = principal, false
		return false, false
	}
	first = !e.claimed
	e.claimed = true
	return true, first
}
