// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// none ends a chain.
const none int32 = -1

// ring holds traces in the order in which they were opened. Closed ones come
// first: it is always the oldest open trace that is closed.
type ring struct {
	seed   maphash.Seed
	traces []trace
	chains []int32 // by hash of the ID
	oldest int
	size   int
	closed int
}

type trace struct {
	id     [16]byte
	opened int64 // nanoseconds
	first  int32 // of its spans
	next   int32 // in its chain
	open   bool
	cut    bool // closed early
}

func newRing(traces int) ring {
	return ring{seed: maphash.MakeSeed(), traces: make([]trace, traces), chains: newChains(traces)}
}

func (r *ring) full() bool { return r.size == len(r.traces) }

// firstOpen returns where the oldest open trace is. There must be one.
func (r *ring) firstOpen() int32 { return r.place(r.closed) }

// place returns where the trace is that was opened n traces after the oldest.
func (r *ring) place(n int) int32 {
	return int32((r.oldest + n) % len(r.traces))
}

func (r *ring) chain(id *[16]byte) *int32 {
	return &r.chains[maphash.Bytes(r.seed, id[:])&uint64(len(r.chains)-1)]
}

func (r *ring) find(id [16]byte) int32 {
	at := *r.chain(&id)
	for at != none && r.traces[at].id != id {
		at = r.traces[at].next
	}
	return at
}

// insert opens a trace. Of a full ring it forgets the oldest, which must be closed.
func (r *ring) insert(id [16]byte, now int64) int32 {
	if r.full() {
		gone := &r.traces[r.oldest]
		link := r.chain(&gone.id)
		for *link != int32(r.oldest) {
			link = &r.traces[*link].next
		}
		*link = gone.next
		r.oldest = (r.oldest + 1) % len(r.traces)
		r.size--
		r.closed--
	}
	at := r.place(r.size)
	chain := r.chain(&id)
	r.traces[at] = trace{id: id, opened: now, first: none, next: *chain, open: true}
	*chain = at
	r.size++
	return at
}

// spans holds the spans of open traces.
type spans struct {
	seed   maphash.Seed
	all    []span
	chains []int32 // by hash of trace and ID
	free   int32   // first of those that hold nothing, joined as siblings
	used   int
}

type span struct {
	id, parent [8]byte
	trace      int32
	query      uint32
	sibling    int32 // next of the trace
	next       int32 // in its chain
	rooted     bool
	local      bool // its parent is in its own process
}

func newSpans(n int) spans {
	s := spans{seed: maphash.MakeSeed(), all: make([]span, n), chains: newChains(n)}
	for i := range s.all {
		s.all[i].sibling = int32(i + 1)
	}
	s.all[n-1].sibling = none
	return s
}

func (s *spans) full() bool { return s.free == none }

func (s *spans) chain(trace int32, id [8]byte) *int32 {
	var key [12]byte
	binary.LittleEndian.PutUint32(key[:], uint32(trace))
	copy(key[4:], id[:])
	return &s.chains[maphash.Bytes(s.seed, key[:])&uint64(len(s.chains)-1)]
}

func (s *spans) find(trace int32, id [8]byte) int32 {
	at := *s.chain(trace, id)
	for at != none && (s.all[at].id != id || s.all[at].trace != trace) {
		at = s.all[at].next
	}
	return at
}

// insert keeps a span, of which there must be room, before the spans that its
// trace has, and returns where it is.
func (s *spans) insert(trace int32, of *Span, query uint32, before int32) int32 {
	at := s.free
	s.free = s.all[at].sibling
	chain := s.chain(trace, of.ID)
	s.all[at] = span{
		id: of.ID, parent: of.Parent, trace: trace, query: query, sibling: before, next: *chain,
		rooted: of.rooted(), local: of.Origin == Local,
	}
	*chain = at
	s.used++
	return at
}

func (s *spans) remove(at int32) {
	gone := &s.all[at]
	link := s.chain(gone.trace, gone.id)
	for *link != at {
		link = &s.all[*link].next
	}
	*link = gone.next
	*gone = span{sibling: s.free}
	s.free = at
	s.used--
}

// newChains returns as many empty chains as there are things, or more.
func newChains(things int) []int32 {
	chains := make([]int32, 1<<bits.Len(uint(max(things-1, 0))))
	for i := range chains {
		chains[i] = none
	}
	return chains
}
