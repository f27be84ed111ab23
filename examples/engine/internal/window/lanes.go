// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// MaxPerGroup bounds what one group of Lanes holds, whatever the extent.
const MaxPerGroup = 1 << 16

// Extent says how far back a row window reaches. At least one field is set.
type Extent struct {
	Span  time.Duration // rows older than the newest by Span or more are out; 0: no bound by time
	Count int           // at most this many rows; 0: MaxPerGroup
}

// Lanes keeps the recent rows of each group in order of arrival, which alone decides: what once left does not come back
// for a late row.
type Lanes struct {
	LaneState
	extent Extent
	words  []int // of a row that are kept behind its time
}

// LaneState is what survives a restart.
type LaneState struct {
	Lanes  []Lane // by group
	Batch  int    // number of the batch at hand
	Inside int    // rows
	Bytes  int64
	Oldest int64 // time of the oldest row, the first of lane Holder; if Stale, that one has left
	Holder int32
	Stale  bool
}

// Lane holds the rows of a group. Words[:Head] have left but are kept for views.
type Lane struct {
	Words       []uint64
	Head, Batch int // the last batch with a row for it
}

// NewLanes returns empty lanes that keep the time and the given words of rows.
func NewLanes(e Extent, words []int) *Lanes {
	if e.Count <= 0 || e.Count > MaxPerGroup {
		e.Count = MaxPerGroup
	}
	return &Lanes{LaneState: LaneState{Oldest: math.MaxInt64}, extent: e, words: words}
}

// Next begins a batch: what Push returned before is void.
func (s *Lanes) Next() { s.Batch++ }

// Push adds a row of a group, moves its window on, and returns the rows inside, one after the other.
func (s *Lanes) Push(group int32, r event.Row) []uint64 {
	for int(group) >= len(s.Lanes) {
		s.Lanes = append(s.Lanes, Lane{})
	}
	l := &s.Lanes[group]
	if l.Batch != s.Batch && l.Head >= len(l.Words)/2 {
		l.Words, l.Head = l.Words[:copy(l.Words, l.Words[l.Head:])], 0
	}
	before := cap(l.Words)
	l.Words = append(l.Words, r[0])
	for _, w := range s.words {
		l.Words = append(l.Words, r[w])
	}
	l.Batch, s.Inside, s.Bytes = s.Batch, s.Inside+1, s.Bytes+int64(cap(l.Words)-before)*8
	for s.outside(l, r.Time()) {
		l.Head += len(s.words) + 1
		s.Inside--
		s.Stale = s.Stale || group == s.Holder
	}
	s.see(group)
	return l.Words[l.Head:]
}

// outside says whether the oldest row of a lane leaves because of a new one, which stays.
func (s *Lanes) outside(l *Lane, newest int64) bool {
	return len(l.Words)-l.Head > s.extent.Count*(len(s.words)+1) ||
		s.extent.Span > 0 && int64(l.Words[l.Head]) <= newest-int64(s.extent.Span)
}

func (s *Lanes) see(group int32) {
	if l := &s.Lanes[group]; l.Head < len(l.Words) && int64(l.Words[l.Head]) < s.Oldest {
		s.Oldest, s.Holder = int64(l.Words[l.Head]), group
	}
}

// Since returns the time of the oldest row inside.
func (s *Lanes) Since() int64 {
	if s.Stale {
		s.Stale, s.Oldest = false, math.MaxInt64
		for group := range s.Lanes {
			s.see(int32(group))
		}
	}
	return s.Oldest
}
