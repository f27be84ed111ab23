// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package drain decides how a process ends: from when on it is not ready, and
// how long its pipelines are held open for those who have yet to notice. It
// has no clock and waits for nothing; it says how long there is to wait.
package drain

import "time"

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
	// Held means that the full time was held.
	Held Outcome = "full time held"
	// CutShort means that a further signal ended the hold.
	CutShort Outcome = "cut short by a further signal"
	// NeverReady means that the pipelines never ran.
	NeverReady Outcome = "the pipelines never ran"
	// NotTerminated means a reload, or an end that no signal asked for.
	NotTerminated Outcome = "no SIGTERM"
	// Disabled means that the configured time is zero.
	Disabled Outcome = "disabled"
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
	// Min is the time from the terminating signal to the end of the hold.
	Min time.Duration

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

// Phase says where the collector is in its life.
func (m *Machine) Phase() Phase {
	return m.phase
}

// Judge says whether to hold at now. The time counts from the signal, since
// readiness ended with it, so no hold is longer than Min.
func (m *Machine) Judge(now time.Time) Verdict {
	switch {
	case !m.ran:
		return Verdict{Outcome: NeverReady}
	case m.first != Terminate:
		return Verdict{Outcome: NotTerminated}
	case m.Min <= 0:
		return Verdict{Outcome: Disabled}
	case m.cutShort:
		return Verdict{Outcome: CutShort}
	}
	// A clock that was set back must not make the hold longer.
	wait := min(m.firstAt.Add(m.Min).Sub(now), m.Min)
	if wait <= 0 {
		return Verdict{Outcome: Held}
	}
	return Verdict{Wait: wait}
}
