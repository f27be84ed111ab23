// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package cpushare shares out the CPU time of a process among those who were busy in it. A goroutine has no CPU
// clock of its own, so busy time, which is wall clock, decides the proportions and the process's CPU clock the sum.
package cpushare

import (
	"sync"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

// Ledger keeps who gets which share. All methods are safe for concurrent use.
type Ledger struct {
	mu      sync.Mutex
	used    time.Duration // the process's CPU time at the last Settle
	entries map[*Entry]struct{}
}

// Entry is one party: Busy counts its busy time and CPU receives its share, both in nanoseconds.
type Entry struct {
	Busy, CPU *cells.Counter

	settled int64
	closed  bool
}

// NewLedger returns a Ledger that shares out what the process uses after used.
func NewLedger(used time.Duration) *Ledger {
	return &Ledger{used: used, entries: make(map[*Entry]struct{})}
}

// Open admits e. Busy time before that is nobody's.
func (l *Ledger) Open(e *Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.settled = e.Busy.Load()
	l.entries[e] = struct{}{}
}

// Close lets e take part in one more Settle and then forgets it.
func (l *Ledger) Close(e *Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.closed = true
}

// Settle shares out the CPU time since the last call; used is the process's CPU time by now. Time in which nobody
// was busy is nobody's.
func (l *Ledger) Settle(used time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	spent := used - l.used
	l.used = used
	var all int64
	busy := make(map[*Entry]int64, len(l.entries))
	for e := range l.entries {
		now := e.Busy.Load()
		busy[e] = max(now-e.settled, 0)
		e.settled = now
		all += busy[e]
	}
	for e, own := range busy {
		if all > 0 && spent > 0 {
			e.CPU.Add(int64(float64(spent) * (float64(own) / float64(all))))
		}
		if e.closed {
			delete(l.entries, e)
		}
	}
}
