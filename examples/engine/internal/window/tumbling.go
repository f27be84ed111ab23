// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package window decides which window an event falls into and when a window
// is complete. It stores no values and reads no clock: time comes in as an
// argument, in nanoseconds since 1970.
package window

import "time"

// Pane is one tumbling window, [Start, Start+size).
type Pane struct {
	Start int64
	End   int64
	Slot  int // index for the state kept beside the pane; reused after Close
	Count int // events assigned so far
}

// Tumbling cuts event time into windows of equal size, aligned to 1970.
//
// The watermark is the greatest event time seen. A window closes when the
// watermark reaches its end; an event of a closed window is late.
//
// Tumbling belongs to one goroutine.
type Tumbling struct {
	size      int64
	watermark int64
	started   bool
	open      []Pane // by start time
	last      int    // index in open of the pane used last
	free      []int  // slots to reuse
	slots     int
}

// NewTumbling returns windows of the given size, which must be positive.
func NewTumbling(size time.Duration) *Tumbling {
	if size <= 0 {
		panic("window: size must be positive")
	}
	return &Tumbling{size: int64(size)}
}

// Late is what Assign answers for an event whose window is closed.
const Late = -1

// Assign moves the watermark to t if that is later, and returns the slot of
// the window that t falls into, or Late.
func (w *Tumbling) Assign(t int64) int {
	if t > w.watermark || !w.started {
		w.watermark, w.started = t, true
	}
	if w.last < len(w.open) {
		if p := &w.open[w.last]; p.Start <= t && t < p.End {
			return w.add(w.last)
		}
	}
	start := floor(t, w.size)
	if start+w.size <= w.watermark {
		return Late
	}
	w.last = w.find(start)
	return w.add(w.last)
}

func (w *Tumbling) add(i int) int {
	w.open[i].Count++
	return w.open[i].Slot
}

// find returns the index of the open pane that begins at start, opening it if needed.
func (w *Tumbling) find(start int64) int {
	i := len(w.open)
	for i > 0 && w.open[i-1].Start >= start {
		i--
	}
	if i < len(w.open) && w.open[i].Start == start {
		return i
	}
	w.open = append(w.open, Pane{})
	copy(w.open[i+1:], w.open[i:])
	w.open[i] = Pane{Start: start, End: start + w.size, Slot: w.slot()}
	return i
}

func (w *Tumbling) slot() int {
	if n := len(w.free); n > 0 {
		s := w.free[n-1]
		w.free = w.free[:n-1]
		return s
	}
	w.slots++
	return w.slots - 1
}

// Closed returns the windows whose end the watermark has reached, oldest
// first. They stay in place until Drop.
func (w *Tumbling) Closed() []Pane {
	n := 0
	for n < len(w.open) && w.open[n].End <= w.watermark {
		n++
	}
	return w.open[:n]
}

// Open returns every window that holds events, oldest first.
func (w *Tumbling) Open() []Pane { return w.open }

// Drop forgets the n oldest windows and frees their slots. Later events of
// those windows are late, so the watermark moves to the end of the last one.
func (w *Tumbling) Drop(n int) {
	for _, p := range w.open[:n] {
		w.free = append(w.free, p.Slot)
		w.watermark = max(w.watermark, p.End)
	}
	w.open = w.open[:copy(w.open, w.open[n:])]
	w.last = 0
}

// floor rounds t down to a multiple of size, also before 1970.
func floor(t, size int64) int64 {
	r := t % size
	if r < 0 {
		r += size
	}
	return t - r
}
