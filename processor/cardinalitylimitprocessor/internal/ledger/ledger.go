// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package ledger keeps the books of overflow series: what was folded into them, what is
// still to be written, and how far each cumulative source had come.
//
// Each overflow series has one writer, and its windows abut:
//
//	floor         first          second        third
//	  |--------------|--------------|--------------|
//	  start      end = start    end = start    end = start
//
// A cumulative one has one start for life and counts up from zero. Windows are measured by
// the time at which points arrive here, not by their own timestamps, so neither late points
// nor wrong clocks can turn time back.
//
// It knows no clock and no consumer: points and the current time in, pages out.
package ledger

import (
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/tenant"
)

// Series is an overflow series. It is immutable.
type Series struct {
	// Tenant is whose points are folded into it.
	Tenant *tenant.Tenant
	// Name, Description and Unit are those of the metric.
	Name, Description, Unit string
	// Attributes are what its points carry.
	Attributes pcommon.Map
	// Folded is the attribute that was folded away, if it was one: exemplars must not
	// bring it back.
	Folded string
}

// Describer says what a new overflow series looks like.
type Describer interface {
	Describe() Series
}

// Target says where a point is to be folded.
type Target struct {
	// Key tells overflow series apart.
	Key uint64
	// Group is what the overflow series are counted by: a metric of a tenant.
	Group uint64
	// Source is the fingerprint of the point's own series.
	Source uint64
	// Form is how the points of the metric fold.
	Form fold.Form
	// NewSince is when a series of this source must have started at the earliest for it to
	// be certain that nothing of it was written under its own name.
	NewSince pcommon.Timestamp
}

// Limits bound a Ledger.
type Limits struct {
	// Streams is how many overflow series there may be.
	Streams int
	// StreamsPerGroup is how many of them one group may have.
	StreamsPerGroup int
	// Sources is how many cumulative series may be folded at once.
	Sources int
	// FlushInterval is how long contributions are collected at least before they are written.
	FlushInterval time.Duration
}

// Ledger may be used by many goroutines at once. Whoever wants to write takes the pen,
// hands the page on, and settles. While one goroutine has the pen others never wait: they
// deposit, and what they deposited is on the next page.
type Ledger struct {
	limits Limits

	mu      sync.Mutex
	taken   bool              // somebody has the pen
	floor   pcommon.Timestamp // where the first window of a new stream starts
	flushed pcommon.Timestamp // when the last page was taken
	streams map[uint64]*stream
	groups  map[uint64]int // how many streams a group has
	changed []*stream      // those with pending points
	waiting sheet          // deposits
	lost    int            // points whose counts could not be added up
	sources sources

	promoted   map[uint64]*promoted
	promotions atomic.Int64
}

// stream is what a Ledger remembers of an overflow series.
type stream struct {
	Series
	key, group uint64
	form       fold.Form

	start     pcommon.Timestamp // of a cumulative stream
	delivered pcommon.Timestamp // end of the last window that was delivered
	written   pcommon.Timestamp // end of the last window that was written
	used      pcommon.Timestamp // last contribution
	sources   int               // sources that are folded into it

	total   fold.Value // of a stream that has sources
	pending int        // points folded into total that no page has had
}

// New returns a Ledger. The first window of each overflow series starts at start.
func New(limits Limits, start pcommon.Timestamp) *Ledger {
	return &Ledger{
		limits:  limits,
		floor:   start,
		flushed: start,
		streams: map[uint64]*stream{},
		groups:  map[uint64]int{},
		sources: newSources(),

		promoted: map[uint64]*promoted{},
	}
}

// FlushInterval returns how long contributions are collected at least.
func (l *Ledger) FlushInterval() time.Duration { return l.limits.FlushInterval }

// Usage is what a Ledger holds.
type Usage struct {
	// Streams is the number of overflow series.
	Streams int
	// Sources is the number of cumulative series that are folded.
	Sources int
	// Held is the number of folded points that wait to be written.
	Held int
}

// Usage returns what the ledger holds at this moment.
func (l *Ledger) Usage() Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := Usage{Streams: len(l.streams), Sources: l.sources.len(), Held: l.waiting.points()}
	for _, s := range l.changed {
		u.Held += s.pending
	}
	return u
}

// open finds or makes a stream.
func (l *Ledger) open(t *Target, describe Describer, now pcommon.Timestamp) (*stream, Reason) {
	if s, ok := l.streams[t.Key]; ok {
		s.used = max(s.used, now)
		return s, Folded
	}
	if len(l.streams) >= l.limits.Streams || l.groups[t.Group] >= l.limits.StreamsPerGroup {
		return nil, OverflowLimit
	}
	s := &stream{Series: describe.Describe(), key: t.Key, group: t.Group, form: t.Form, used: now}
	l.insert(s)
	return s, Folded
}

func (l *Ledger) insert(s *stream) {
	s.start, s.delivered, s.written = l.floor, l.floor, l.floor
	l.streams[s.key] = s
	l.groups[s.group]++
}

// current returns the stream that has the key of s now: s, unless s was forgotten while
// a batch was on its way.
func (l *Ledger) current(s *stream) *stream {
	if now, ok := l.streams[s.key]; ok {
		return now
	}
	l.insert(s)
	return s
}

// pend notes that the total of a stream has to be written, with so many more points in it.
func (l *Ledger) pend(s *stream, points int) {
	if s.pending == 0 {
		l.changed = append(l.changed, s)
	}
	s.pending += points
}

// Deposit leaves a batch's contributions for the next page.
func (l *Ledger) Deposit(b *Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost += l.waiting.addAll(&b.sheet)
}

// expiryStep is how many sources are looked at without letting others in.
const expiryStep = 4096

// Expire forgets sources and streams without a contribution since a moment. What a level
// had from such a source is taken away. Should a stream come back, its first window starts
// after the last that it had.
func (l *Ledger) Expire(before pcommon.Timestamp) {
	for from := 0; ; from += expiryStep {
		if !l.expireSources(from, before) {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for fingerprint, p := range l.promoted {
		if p.used < before {
			l.demote(fingerprint)
		}
	}
	if l.taken || len(l.waiting.entries) > 0 {
		return // the next call will do
	}
	for _, s := range l.streams {
		if s.used < before && s.pending == 0 && s.sources == 0 {
			l.forget(s)
		}
	}
}

func (l *Ledger) expireSources(from int, before pcommon.Timestamp) (more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to := min(from+expiryStep, len(l.sources.slots))
	for i := from; i < to; i++ {
		if s := &l.sources.slots[i]; s.stream != nil && s.used < before {
			l.end(s)
		}
	}
	return to < len(l.sources.slots)
}

func (l *Ledger) forget(s *stream) {
	l.floor = max(l.floor, s.written)
	delete(l.streams, s.key)
	if l.groups[s.group]--; l.groups[s.group] == 0 {
		delete(l.groups, s.group)
	}
}

// Lost returns how many points were lost since the last call, because their counts
// together would have left 64 bits.
func (l *Ledger) Lost() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lost
	l.lost = 0
	return n
}

// Discard throws away what was never written and returns how many points were in it.
func (l *Ledger) Discard() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.waiting.points()
	l.waiting = sheet{}
	for _, s := range l.changed {
		n += s.pending
		s.pending = 0
	}
	l.changed = nil
	return n
}
