// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Ledger sees to it that every overflow stream has one writer whose windows abut:
//
//	opened        first          second        third
//	  |--------------|--------------|--------------|
//	  start      end = start    end = start    end = start
//
// Whoever wants to write takes the pen, hands the page on, and settles. While one
// goroutine has the pen others never wait: they deposit, and what they deposited is on
// the next page. Windows are measured by the time at which points arrive here, not by
// their own timestamps, so neither late points nor wrong clocks can turn time back.
//
// A Ledger may be used by many goroutines at once.
type Ledger struct {
	max int

	mu      sync.Mutex
	taken   bool // somebody has the pen
	streams map[uint64]*stream
	waiting sheet             // deposits
	floor   pcommon.Timestamp // where the first window of a new stream starts
}

// stream is what a Ledger remembers of an overflow stream.
type stream struct {
	number    pmetric.NumberDataPointValueType
	delivered pcommon.Timestamp // end of the last window that was delivered
	written   pcommon.Timestamp // end of the last window that was written
	used      pcommon.Timestamp // last contribution
}

// NewLedger returns a Ledger for at most streams overflow streams. The first window of
// each starts at start.
func NewLedger(streams int, start pcommon.Timestamp) *Ledger {
	return &Ledger{max: streams, streams: map[uint64]*stream{}, floor: start}
}

// Held returns how many folded points wait to be written.
func (l *Ledger) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting.points()
}

// Deposit leaves a batch's contributions for the next page.
func (l *Ledger) Deposit(b *Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting.addAll(b.sheet)
}

// Expire forgets streams that nobody contributed to since a moment. Should one come
// back, its first window starts after the last that it had.
func (l *Ledger) Expire(before pcommon.Timestamp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken || len(l.waiting.entries) > 0 {
		return // the next call will do
	}
	for key, s := range l.streams {
		if s.used < before {
			l.floor = max(l.floor, s.written)
			delete(l.streams, key)
		}
	}
}

// open finds or makes a stream and returns which type of numbers it is made of.
// It returns false if there is no room for the stream.
func (l *Ledger) open(key uint64, number pmetric.NumberDataPointValueType, now pcommon.Timestamp) (pmetric.NumberDataPointValueType, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, ok := l.streams[key]; ok {
		s.used = max(s.used, now)
		return s.number, true
	}
	if len(l.streams) >= l.max {
		return 0, false
	}
	l.add(key, number, now)
	return number, true
}

func (l *Ledger) add(key uint64, number pmetric.NumberDataPointValueType, now pcommon.Timestamp) *stream {
	s := &stream{number: number, delivered: l.floor, written: l.floor, used: now}
	l.streams[key] = s
	return s
}

// Discard throws the deposits away and returns how many points were in them.
func (l *Ledger) Discard() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.waiting.points()
	l.waiting = sheet{}
	return n
}
