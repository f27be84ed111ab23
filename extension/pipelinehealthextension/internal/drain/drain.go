// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package drain decides how a process ends: from when on it is not ready, and
// how long its pipelines are held open for those who have yet to notice. It
// has no clock and waits for nothing; it says how long there is to wait.
package drain

import (
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/intake"
)

// Phase is where the collector is in its life.
type Phase uint8

// The phases in their order.
const (
	// Starting lasts until the pipelines run.
	Starting Phase = iota
	// Running lasts until the first sign of the end.
	Running
	// Stopping begins with a signal, or with the order to stop if none came.
	Stopping
)

// Signal is what the operating system wants.
type Signal uint8

const (
	// Terminate asks to end in good order: a supervisor is replacing us.
	Terminate Signal = iota + 1
	// Interrupt is somebody at a keyboard, who does not want to wait.
	Interrupt
)

// Outcome says why there is nothing, or nothing more, to wait for.
type Outcome string

// The outcomes.
const (
	// Held means that the least time was held, and nothing is known of what is
	// still to be delivered.
	Held Outcome = "full time held"
	// Delivered means that everything accepted was delivered after the least time.
	Delivered Outcome = "everything was delivered"
	// GivenUp means that something was left after the longest time.
	GivenUp Outcome = "the longest time is over"
	// CutShort means that a further signal ended the hold.
	CutShort Outcome = "cut short by a further signal"
	// NeverReady means that the pipelines never ran.
	NeverReady Outcome = "the pipelines never ran"
	// NotTerminated means a reload, or an end that no signal asked for.
	NotTerminated Outcome = "no SIGTERM"
	// Disabled means that the configured time is zero.
	Disabled Outcome = "disabled"
)

// Pending is what was accepted and is not delivered yet.
type Pending struct {
	// Known is false where nobody can tell.
	Known bool
	// Items is how much it is.
	Items int64
	// Senders is how many connections have yet to end whose senders were asked to
	// leave.
	Senders int64
}

const (
	// look is how often what is pending has to be looked at.
	look = 100 * time.Millisecond
	// farewell is what senders get at most to leave after they were asked to. One
	// that sends seldom notices with its next request, and is not waited for.
	farewell = time.Second
	// refusal is how long before the longest time is over nothing is accepted any
	// more, so that what was accepted has a chance still.
	refusal = 2 * time.Second
)

// Verdict says whether to keep the pipelines open.
type Verdict struct {
	// Wait is how long from now. Zero or less means: stop them now.
	Wait time.Duration
	// Outcome is empty while there is something to wait for.
	Outcome Outcome
}

// Machine follows one run of the pipelines from start to end.
//
// Machine is not safe for concurrent use.
type Machine struct {
	// Min is the least time from the terminating signal to the end of the hold.
	Min time.Duration
	// Max is the longest, for as long as something is pending.
	Max time.Duration

	phase    Phase
	ran      bool
	first    Signal
	firstAt  time.Time
	cutShort bool
}

// Ready records that the pipelines run.
func (m *Machine) Ready() {
	if m.phase == Starting {
		m.phase, m.ran = Running, true
	}
}

// Signal records that s came at now. The first one ends readiness, and a
// further one ends the hold.
func (m *Machine) Signal(s Signal, now time.Time) {
	if m.first != 0 {
		m.cutShort = true
		return
	}
	m.first, m.firstAt = s, now
	if m.phase == Running {
		m.phase = Stopping
	}
}

// Stop records that the pipelines are about to be stopped.
func (m *Machine) Stop() {
	m.phase = Stopping
}

// Step is what senders are told at now: where load balancers look, then at the
// connections they have, and at last that it is too late.
func (m *Machine) Step(now time.Time) intake.Step {
	end := max(m.Min, m.Max)
	switch {
	case !m.ran || m.first != Terminate || end <= 0:
		return intake.Open
	case m.until(m.Min, now) > 0:
		return intake.NotReady
	case m.Max > m.Min && m.until(m.Max, now) <= min(refusal, (m.Max-m.Min)/2):
		return intake.Refuse
	default:
		return intake.LetGo
	}
}

// Reload reports whether the pipelines ran and are stopped, and no signal asked
// for the end of the process: others are to follow.
func (m *Machine) Reload() bool {
	return m.ran && m.phase == Stopping && m.first == 0
}

// Phase says where the collector is in its life.
func (m *Machine) Phase() Phase {
	return m.phase
}

// Judge says whether to hold at now. The time counts from the signal, since
// readiness ended with it, so no hold is longer than Min and, if something is
// pending, than Max.
func (m *Machine) Judge(now time.Time, pending Pending) Verdict {
	switch {
	case !m.ran:
		return Verdict{Outcome: NeverReady}
	case m.first != Terminate:
		return Verdict{Outcome: NotTerminated}
	case m.Min <= 0 && m.Max <= 0:
		return Verdict{Outcome: Disabled}
	case m.cutShort:
		return Verdict{Outcome: CutShort}
	}
	if wait := m.until(m.Min, now); wait > 0 {
		return Verdict{Wait: wait}
	}
	rest := m.until(max(m.Min, m.Max), now)
	if leaving := min(rest, m.until(m.Min+farewell, now)); leaving > 0 && pending.Senders > 0 {
		return Verdict{Wait: min(leaving, look)}
	}
	switch {
	case !pending.Known:
		return Verdict{Outcome: Held}
	case pending.Items == 0:
		return Verdict{Outcome: Delivered}
	case rest <= 0:
		return Verdict{Outcome: GivenUp}
	default:
		return Verdict{Wait: min(rest, look)}
	}
}

// until is how long it is to a time after the signal. A clock that was set back
// must not make the hold longer.
func (m *Machine) until(d time.Duration, now time.Time) time.Duration {
	return min(m.firstAt.Add(d).Sub(now), d)
}
