// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package disk judges a storage by what becomes of small writes to it. It has no
// clock and writes nothing; callers do, and pass the time.
package disk

import (
	"sync"
	"time"
)

const (
	// slow is how long a write may take.
	slow = 2 * time.Second
	// hung is how long a write may be under way before the storage counts as broken.
	hung = 30 * time.Second
	// failures in a row make a storage count as broken. One may be bad luck.
	failures = 3
)

// State is what is known of a storage.
type State uint8

// The states, the better first.
const (
	// Unknown means that no write has ended.
	Unknown State = iota
	// Well means that the last write was read back in time.
	Well
	// Shaky means that the last write failed or took too long.
	Shaky
	// Broken means that this has been so for a while.
	Broken
)

// Verdict is what is wrong with a storage, if something is.
type Verdict struct {
	State State
	// Since is when it began to be wrong.
	Since time.Time
	// Err is the last error, empty if the storage is slow or does not answer. It may
	// quote paths: it is for the log.
	Err string
	// Took is how long the last write took that ended.
	Took time.Duration
}

// Writes remembers what became of writes, one after the other. The zero value
// knows none. It is safe for concurrent use.
type Writes struct {
	mu      sync.Mutex
	begun   time.Time // of the one under way, zero if there is none
	wrong   int       // in a row
	verdict Verdict
}

// Begin notes that a write begins.
func (w *Writes) Begin(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = now
}

// End notes that it ended, with an error if it failed.
func (w *Writes) End(err error, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	begun := w.begun
	w.begun, w.verdict.Took = time.Time{}, now.Sub(begun)
	if err == nil && w.verdict.Took <= slow {
		w.wrong, w.verdict = 0, Verdict{State: Well, Took: w.verdict.Took}
		return
	}
	if w.wrong++; w.wrong == 1 {
		w.verdict.Since = begun
	}
	w.verdict.Err = ""
	if err != nil {
		w.verdict.Err = err.Error()
	}
	w.verdict.State = Shaky
	if w.wrong >= failures {
		w.verdict.State = Broken
	}
}

// At judges at now: a write that does not end is told before it does.
func (w *Writes) At(now time.Time) Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.verdict
	if w.begun.IsZero() {
		return v
	}
	waiting := now.Sub(w.begun)
	if waiting <= slow {
		return v
	}
	if v.State <= Well {
		v.Since = w.begun
	}
	v.State, v.Err = max(v.State, Shaky), ""
	if waiting > hung {
		v.State = Broken
	}
	return v
}
