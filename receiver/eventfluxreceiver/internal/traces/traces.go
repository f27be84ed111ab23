// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package traces says which spans of queries have their place in a trace.
//
// A trace is open for a window, from its first span on. When the window closes,
// each of its spans is judged: one whose parent was not there is an orphan. A
// span that comes later is late. The package has no clock: every call that needs
// the time takes it as now.
package traces

import (
	"iter"
	"slices"
	"sync"
	"time"
)

// Limits bound what is remembered.
type Limits struct {
	// Window is how long after its first span a trace is open. Positive.
	Window time.Duration
	// Traces is how many traces are remembered, open and closed. The oldest goes
	// first. At least 1.
	Traces int
	// Spans is how many spans open traces have together. Where there is no room,
	// the oldest open trace is closed early. At least 1.
	Spans int
	// Queries is how many queries are told apart. The others are counted together.
	Queries int
}

// Origin is where the parent of a span is.
type Origin uint8

// The origins.
const (
	Unknown Origin = iota // the sender does not say
	Local                 // in the process of the span itself
	Remote                // in another one, which may send its spans elsewhere
)

// Flags of a span that say where its parent is, see
// https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto.
const (
	flagHasIsRemote = 0x100
	flagIsRemote    = 0x200
)

// ParseOrigin reads the flags of a span.
func ParseOrigin(flags uint32) Origin {
	switch {
	case flags&flagHasIsRemote == 0:
		return Unknown
	case flags&flagIsRemote == 0:
		return Local
	default:
		return Remote
	}
}

// Span is what is to be known of a span.
type Span struct {
	Trace [16]byte
	ID    [8]byte
	// Parent is zero for the root of a trace.
	Parent [8]byte
	// Origin is where the parent is.
	Origin Origin
	// Query is the query.id, empty where the span is of none. It is copied.
	Query string
	// Lacks says that a required attribute is absent.
	Lacks bool
}

// rooted reports whether the span has its place whatever else comes.
func (s *Span) rooted() bool {
	return s.Parent == [8]byte{} || s.Origin == Remote
}

// Verdict is what is said of a span. Each is counted once for each span but those
// that come twice while their trace is open.
type Verdict uint8

// The verdicts.
const (
	// Placed is a root, one whose parent is in another process, or one whose parent
	// came while the trace was open.
	Placed Verdict = iota
	// Orphan is one whose parent is in its own process and did not come.
	Orphan
	// Late is one that came after its trace was closed.
	Late
	// Unjudged is one whose parent did not come and of which the sender does not say
	// where its parent is, one whose trace was closed early, or one without an ID.
	Unjudged

	noVerdict // one more than the last
)

// VerdictCount is the number of verdicts.
const VerdictCount = int(noVerdict)

// String returns the stable name of the verdict.
func (v Verdict) String() string {
	switch v {
	case Placed:
		return "placed"
	case Orphan:
		return "orphan"
	case Late:
		return "late"
	default:
		return "unjudged"
	}
}

// Table remembers the spans of open traces and counts verdicts. It is safe for
// concurrent use. All of its memory is taken by New, at most 48 bytes for each
// trace and 44 for each span, but for the names of queries: nothing is allocated
// for a span.
type Table struct {
	limits Limits

	mu      sync.Mutex
	now     int64 // never goes back
	ring    ring
	spans   spans
	queries queries
}

// New returns an empty table.
func New(limits Limits) *Table {
	return &Table{
		limits:  limits,
		ring:    newRing(limits.Traces),
		spans:   newSpans(limits.Spans),
		queries: queries{max: limits.Queries, byName: make(map[string]uint32), counts: make([]Counts, firstQuery)},
	}
}

// Add takes a batch of spans. Traces whose window is over are judged first, which
// costs a look at each of their spans.
func (t *Table) Add(batch iter.Seq[Span], now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.close(now)
	for s := range batch {
		t.add(&s)
	}
}

// Counts judges the traces whose window is over at now, and returns a copy of
// what was counted since New, by query: the first is of spans that are of no
// query, and the second of the queries that there was no room for.
func (t *Table) Counts(now time.Time) []Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.close(now)
	return slices.Clone(t.queries.counts)
}

// Open returns how many spans are not judged yet.
func (t *Table) Open() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.spans.used
}

func (t *Table) add(s *Span) {
	query := t.queries.of(s.Query)
	counts := &t.queries.counts[query]
	if s.Lacks {
		counts.Lacking++
	}
	if s.Trace == [16]byte{} || s.ID == [8]byte{} {
		counts.Verdicts[Unjudged]++
		return
	}
	at := t.trace(s.Trace)
	if t.ring.traces[at].open && t.spans.find(at, s.ID) == none {
		for t.spans.full() && t.ring.traces[at].open {
			t.judge(t.ring.firstOpen(), true)
		}
		if t.ring.traces[at].open {
			t.ring.traces[at].first = t.spans.insert(at, s, query, t.ring.traces[at].first)
			return
		}
	}
	switch tr := &t.ring.traces[at]; {
	case tr.open: // sent again
	case !tr.cut:
		counts.Verdicts[Late]++
	case s.rooted():
		counts.Verdicts[Placed]++
	default:
		counts.Verdicts[Unjudged]++
	}
}

// trace returns where the trace is remembered, and remembers it if it is new.
func (t *Table) trace(id [16]byte) int32 {
	if at := t.ring.find(id); at != none {
		return at
	}
	if t.ring.full() && t.ring.closed == 0 {
		t.judge(t.ring.firstOpen(), true)
	}
	return t.ring.insert(id, t.now)
}

// close judges the traces whose window is over.
func (t *Table) close(now time.Time) {
	t.now = max(t.now, now.UnixNano())
	for t.ring.closed < t.ring.size {
		at := t.ring.firstOpen()
		if t.now-t.ring.traces[at].opened < int64(t.limits.Window) {
			return
		}
		t.judge(at, false)
	}
}

// judge closes the first open trace, early if cut says so, and forgets its spans.
func (t *Table) judge(at int32, cut bool) {
	tr := &t.ring.traces[at]
	for i := tr.first; i != none; i = t.spans.all[i].sibling {
		s := &t.spans.all[i]
		verdict := Placed
		switch {
		case s.rooted, t.spans.find(at, s.parent) != none:
		case s.local && !cut:
			verdict = Orphan
		default:
			verdict = Unjudged
		}
		t.queries.counts[s.query].Verdicts[verdict]++
	}
	for i := tr.first; i != none; {
		next := t.spans.all[i].sibling
		t.spans.remove(i)
		i = next
	}
	tr.first, tr.open, tr.cut = none, false, cut
	t.ring.closed++
}
