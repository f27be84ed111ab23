// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// Report is what another receiver, one nearer to the engine, says of it.
type Report struct {
	State engineview.State
	// Stamp is the time of the report by the clock of the one who made it. An
	// older one that comes late is ignored.
	Stamp time.Time
	// Age is how long ago the reporter heard of the engine.
	Age time.Duration
}

// report is the last report of an engine. Its zero value is none.
type report struct {
	Report
	at     time.Time // when it arrived
	rhythm rhythm
	on     Connection // over which it came
	broken time.Time  // when that ended; zero after a later report
}

// Report records what another receiver says of an engine, which comes on the
// list if it is not there. It returns whether that receiver decides the engine's
// state: not so when the engine itself was heard here later than there, or holds
// a connection to here, or when a third one heard it later.
//
// Reports that came over a connection that ended conclusively hold for Grace; zero
// stands for a connection whose end means nothing.
func (r *Registry) Report(id Identity, said Report, on Connection, now time.Time) (decides bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.byID[id]
	if !ok {
		el = r.insert(id, now)
	}
	e := el.Value.(*engine)
	if e.report.outdoes(said, on, now) {
		return false
	}
	if e.report.rhythm.interval() != 0 && now.Sub(e.report.rhythm.last) >= r.reportPatience(e) {
		e.report.rhythm = rhythm{}
	}
	e.report.Report, e.report.at, e.report.on, e.report.broken = said, now, on, time.Time{}
	e.report.rhythm.beat(now)
	if on != 0 {
		r.reporters[on] = struct{}{}
	}
	if said.State == engineview.StateUp {
		r.touch(el, "", now)
	}
	r.changed = r.changed || said.State != e.told
	return r.follows(e, now)
}

// outdoes reports whether the last report is better than the one that was said: it
// is the newer one of the same reporter, or that of another who heard the engine
// later.
func (last *report) outdoes(said Report, on Connection, now time.Time) bool {
	if last.at.IsZero() {
		return false
	}
	if last.on == on {
		return said.Stamp.Before(last.Stamp)
	}
	return now.Add(-said.Age).Before(last.at.Add(-last.Age))
}

// Unreport records that another receiver has forgotten the engine, and returns
// whether it was the one who decides. Unless the engine was heard here, it then
// leaves the list.
func (r *Registry) Unreport(id Identity, on Connection) (decided bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.byID[id]
	if !ok {
		return true
	}
	e := el.Value.(*engine)
	switch {
	case r.own(e):
		return false
	case !e.report.at.IsZero() && e.report.on != on && e.report.broken.IsZero():
		return false
	}
	r.remove(el)
	r.changed = true
	return true
}

// follows reports whether the state of the engine is what another receiver says.
func (r *Registry) follows(e *engine, now time.Time) bool {
	return !e.report.at.IsZero() && now.Before(r.reportEnds(e)) && !r.own(e)
}

// reportEnds returns until when the last report holds, if none follows.
func (r *Registry) reportEnds(e *engine) time.Time {
	ends := e.report.at.Add(r.reportPatience(e))
	if lost := e.report.broken.Add(r.limits.Grace); !e.report.broken.IsZero() && lost.Before(ends) {
		return lost
	}
	return ends
}

// silence notes that a connection over which reports came has ended.
func (r *Registry) silence(on Connection, now time.Time) {
	if _, ok := r.reporters[on]; !ok {
		return
	}
	delete(r.reporters, on)
	for _, el := range r.byID {
		if e := el.Value.(*engine); e.report.on == on {
			e.report.broken = now
			r.changed = true
		}
	}
}

// own reports whether the best evidence of the engine is here.
func (r *Registry) own(e *engine) bool {
	return len(e.connections) > 0 || e.direct.After(e.report.at.Add(-e.report.Age))
}

// reportPatience is how long reports may stay out before the engine is judged by
// what arrives of itself.
func (r *Registry) reportPatience(e *engine) time.Duration {
	return r.patienceOf(&e.report.rhythm)
}
