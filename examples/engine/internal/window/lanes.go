// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package window

import (
	"fmt"
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

// String says how far that is.
func (e Extent) String() string {
	if e.Span > 0 {
		return e.Span.String()
	}
	return fmt.Sprint(e.Count, " events")
}

// Lanes keeps the recent rows of each group in order of arrival, which alone decides: what once left does not come back
// for a late row.
type Lanes struct {
	LaneState
	extent Extent
}

// LaneState is what survives a restart.
type LaneState struct {
	Lanes  []Lane // by group
	Batch  int    // number of the batch at hand
	Inside int    // rows
	Bytes  int64
}

// Lane holds the rows of a group. Words[:Head] have left but are kept for views.
type Lane struct {
	Words       []uint64
	Head, Batch int // the last batch with a row for it
}

// NewLanes returns empty lanes.
func NewLanes(e Extent) *Lanes {
	if e.Count <= 0 || e.Count > MaxPerGroup {
		e.Count = MaxPerGroup
	}
	return &Lanes{extent: e}
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
	l.Words = append(l.Words, r...)
	l.Batch, s.Inside, s.Bytes = s.Batch, s.Inside+1, s.Bytes+int64(cap(l.Words)-before)*8
	for len(l.Words)-l.Head > s.extent.Count*len(r) || s.extent.Span > 0 && int64(l.Words[l.Head]) <= r.Time()-int64(s.extent.Span) {
		l.Head += len(r) // never past r itself
		s.Inside--
	}
	return l.Words[l.Head:]
}

// Oldest returns the time of the oldest row inside. It looks at every lane.
func (s *Lanes) Oldest() int64 {
	oldest := int64(math.MaxInt64)
	for _, l := range s.Lanes {
		if l.Head < len(l.Words) {
			oldest = min(oldest, int64(l.Words[l.Head]))
		}
	}
	return oldest
}
