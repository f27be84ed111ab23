// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package window

import "time"

// MaxPerKey bounds what one key of a Sliding window holds, whatever its extent.
const MaxPerKey = 1 << 16

// Extent says how far back a sliding window reaches. At least one field is set.
type Extent struct {
	Span  time.Duration // entries older than the newest by Span or more are out; 0: no bound by time
	Count int           // at most this many entries; 0: MaxPerKey
}

// View names the entries a window held right after one Push.
type View struct {
	key, from, to int
}

// Len is the number of entries in view.
func (v View) Len() int { return v.to - v.from }

type entry struct {
	at    int64
	value float64
}

type lane struct {
	entries []entry // entries[:head] are out but kept until Compact, for views
	head    int
	dirty   bool // in touched
}

// Sliding keeps, per key, the recent values of a series in order of arrival.
// Keys are small integers, such as interned symbols.
//
// Sliding belongs to one goroutine.
type Sliding struct {
	extent  Extent
	lanes   []lane
	touched []int // lanes pushed to since Compact
	inside  int
	bytes   int64
}

// NewSliding returns an empty window.
func NewSliding(e Extent) *Sliding {
	if e.Count <= 0 || e.Count > MaxPerKey {
		e.Count = MaxPerKey
	}
	return &Sliding{extent: e}
}

// Push adds a value of key that belongs to time t, moves the window on, and
// returns what is now inside it. The view is valid until Compact.
func (s *Sliding) Push(key int, t int64, v float64) View {
	for len(s.lanes) <= key {
		s.lanes = append(s.lanes, lane{})
		s.bytes += laneBytes
	}
	l := &s.lanes[key]
	if !l.dirty {
		l.dirty = true
		s.touched = append(s.touched, key)
	}
	before := cap(l.entries)
	l.entries = append(l.entries, entry{t, v})
	s.bytes += int64(cap(l.entries)-before) * entryBytes
	s.inside++
	for len(l.entries)-l.head > s.extent.Count {
		l.head++
		s.inside--
	}
	if span := int64(s.extent.Span); span > 0 {
		for l.entries[l.head].at <= t-span {
			l.head++
			s.inside--
		}
	}
	return View{key, l.head, len(l.entries)}
}

// Mean is the average of the values in view, summed anew so that no rounding
// error builds up over time.
func (s *Sliding) Mean(v View) float64 {
	sum := 0.0
	for _, e := range s.lanes[v.key].entries[v.from:v.to] {
		sum += e.value
	}
	return sum / float64(v.Len())
}

// Compact releases what has left the window. Views taken before are void.
func (s *Sliding) Compact() {
	for _, key := range s.touched {
		l := &s.lanes[key]
		l.dirty = false
		if l.head > 0 && l.head >= len(l.entries)/2 {
			l.entries = l.entries[:copy(l.entries, l.entries[l.head:])]
			l.head = 0
		}
	}
	s.touched = s.touched[:0]
}

const (
	entryBytes = 16
	laneBytes  = 40
)

// Len is the number of values inside, over all keys.
func (s *Sliding) Len() int { return s.inside }

// Bytes is the memory held.
func (s *Sliding) Bytes() int64 { return s.bytes }
