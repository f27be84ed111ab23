// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package window decides which windows an event is in and when they are complete. It reads no clock: time comes in as
// an argument, in nanoseconds since 1970. Its types belong to one goroutine.
package window

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Config says how a stream is cut into windows; one of Size, Gap and Length is set. With none there is one window, which
// holds what came since the last Drain.
type Config struct {
	Size   time.Duration // of event time, aligned to 1970; a window closes when the watermark reaches its end
	Slide  time.Duration // a window begins that often, so that an event may be in several; 0: Size
	Gap    time.Duration // cuts where a group had no event that long; an event that is near two sessions joins them
	Length int           // events of any group in a window, which spans their times
	Delay  time.Duration // the watermark is that much behind the greatest event time
	Accept bool          // late events open their windows once more, for a further result of late events alone
}

// String says how long a window is, but for one that only Drain closes.
func (c Config) String() string {
	switch {
	case c.Length > 0:
		return fmt.Sprint(c.Length, " events")
	case c.Slide != 0 && c.Slide != c.Size:
		return fmt.Sprint(c.Size, " every ", c.Slide)
	default:
		return max(c.Size, c.Gap).String()
	}
}

// Pane is one window that holds events, [Start, End).
type Pane struct {
	Start, End int64
	Oldest     int64 // time of the oldest event in it
	Slot       int32 // index for the state kept beside the pane
	Group      int32 // whose session it is; -1: it holds events of all groups
	Count      int   // events in it
	Last       int   // events that are in no later pane: they leave the window with this one
}

// Move is what an event does to the state beside the panes: row Row goes into group Group of Slot. If Row is Join, all
// that slot Group holds goes into Slot. Moves are to be made in order.
type Move struct{ Row, Slot, Group int32 }

// Join is the Row of a Move that joins two slots.
const Join = -1

// Verdict says what became of an event. It is late when all its windows have closed.
type Verdict uint8

// The verdicts. Accepted events are late, too.
const (
	InTime Verdict = iota
	Accepted
	Dropped
)

// Panes are the windows of a stream.
type Panes struct {
	State
	Config
	size, slide, gap int64
	closed           []Pane
}

// State is what survives a restart.
type State struct {
	Watermark int64    // time before which no event is expected
	Open      [][]Pane // by start; of sessions a list per group
	Held      int      // open panes
	Oldest    int64    // time of the oldest event held
	Due       int64    // no pane ends before the watermark is there
	Free      []int32  // slots to reuse
	Slots     int32
	Recent    int // index of the pane used last
}

// maxOverlap bounds the work that one event makes.
const maxOverlap = 1024

// New checks c.
func New(c Config) (*Panes, error) {
	slide := cmp.Or(c.Slide, c.Size)
	if min(c.Size, c.Slide, c.Gap, c.Delay, time.Duration(c.Length)) < 0 || c.Size < slide || slide > 0 && c.Size/slide > maxOverlap {
		return nil, fmt.Errorf("could not cut windows of size %s, slide %s, gap %s and length %d: none may be negative, "+
			"and a size is between one slide and %d", c.Size, c.Slide, c.Gap, c.Length, maxOverlap)
	}
	start := State{Watermark: math.MinInt64, Open: make([][]Pane, 1), Oldest: math.MaxInt64, Due: math.MaxInt64}
	return &Panes{State: start, Config: c, size: int64(c.Size), slide: int64(slide), gap: int64(c.Gap)}, nil
}

// Manual reports whether only Drain closes windows.
func (w *Panes) Manual() bool { return w.size == 0 && w.gap == 0 && w.Length == 0 }

// Assign puts an event of time t and a group, row number row of its batch, into its panes, and adds to moves. Times
// before 1823 and after 2116 count as those.
func (w *Panes) Assign(row, group int32, t int64, moves []Move) ([]Move, Verdict) {
	t = min(max(t, -1<<62), 1<<62)
	w.Watermark = max(w.Watermark, t-int64(w.Delay))
	switch {
	case w.size > 0:
		if w.Recent < len(w.Open[0]) && w.slide == w.size {
			if p := &w.Open[0][w.Recent]; p.Start <= t && t < p.End && p.End > w.Watermark {
				return append(moves, w.put(p, row, group, t, 1)), InTime
			}
		}
		return w.aligned(row, group, t, moves)
	case w.gap > 0:
		return w.session(row, group, t, moves)
	}
	i := len(w.Open[0]) - 1
	if i < 0 || w.complete(&w.Open[0][i]) {
		i++
		w.open(0, i, Pane{Start: t, End: t, Group: -1})
	}
	p := &w.Open[0][i]
	p.Start, p.End = min(p.Start, t), max(p.End, t)
	return append(moves, w.put(p, row, group, t, 1)), InTime
}

func (w *Panes) aligned(row, group int32, t int64, moves []Move) ([]Move, Verdict) {
	newest := t - (t%w.slide+w.slide)%w.slide
	verdict, i, last := w.verdict(newest+w.size), len(w.Open[0]), 1
	for start := newest; verdict != Dropped && start+w.size > t && w.verdict(start+w.size) != Dropped; start -= w.slide {
		for i > 0 && w.Open[0][i-1].Start >= start {
			i--
		}
		if i == len(w.Open[0]) || w.Open[0][i].Start != start {
			w.open(0, i, Pane{Start: start, End: start + w.size, Group: -1})
		}
		moves, last, w.Recent = append(moves, w.put(&w.Open[0][i], row, group, t, last)), 0, i
	}
	return moves, verdict
}

func (w *Panes) session(row, group int32, t int64, moves []Move) ([]Move, Verdict) {
	for int(group) >= len(w.Open) {
		w.Open = append(w.Open, nil)
	}
	into, own := -1, w.Open[group]
	for i := 0; i < len(own); i++ {
		switch p := &own[i]; {
		case p.End <= max(w.Watermark, t) || p.Start >= t+w.gap: // closed, or apart
		case into < 0:
			into = i
			p.Start, p.End = min(p.Start, t), max(p.End, t+w.gap)
		default: // it is near two
			a, b := &own[into], *p
			a.Start, a.End, a.Oldest = min(a.Start, b.Start), max(a.End, b.End), min(a.Oldest, b.Oldest)
			a.Count, a.Last = a.Count+b.Count, a.Last+b.Last
			moves = append(moves, Move{Join, a.Slot, b.Slot})
			own = slices.Delete(own, i, i+1)
			w.Open[group] = own
			w.Free, w.Held = append(w.Free, b.Slot), w.Held-1
			i--
		}
	}
	verdict := InTime
	if into < 0 {
		if verdict = w.verdict(t + w.gap); verdict == Dropped {
			return moves, verdict
		}
		into = len(own)
		w.open(int(group), into, Pane{Start: t, End: t + w.gap, Group: group})
	}
	return append(moves, w.put(&w.Open[group][into], row, 0, t, 1)), verdict // its slot has one group
}

// verdict is about an event whose last window ends at end.
func (w *Panes) verdict(end int64) Verdict {
	switch {
	case end > w.Watermark:
		return InTime
	case w.Accept:
		return Accepted
	}
	return Dropped
}

// open adds a pane to a list as number i.
func (w *Panes) open(list, i int, p Pane) {
	if len(w.Free) == 0 {
		w.Free, w.Slots = append(w.Free, w.Slots), w.Slots+1
	}
	p.Slot, p.Oldest, w.Free = w.Free[len(w.Free)-1], math.MaxInt64, w.Free[:len(w.Free)-1]
	w.Open[list] = slices.Insert(w.Open[list], i, p)
	w.Held, w.Due = w.Held+1, min(w.Due, p.End)
}

// put counts an event in.
func (w *Panes) put(p *Pane, row, group int32, t int64, last int) Move {
	p.Count, p.Last, p.Oldest = p.Count+1, p.Last+last, min(p.Oldest, t)
	w.Oldest = min(w.Oldest, t)
	return Move{row, p.Slot, group}
}

func (w *Panes) complete(p *Pane) bool {
	if w.size == 0 && w.gap == 0 {
		return p.Count == w.Length
	}
	return p.End <= w.Watermark
}

// Closed takes the complete panes out, oldest first. Their slots are not used again before the next Assign.
func (w *Panes) Closed() []Pane {
	if w.Length == 0 && w.Watermark < w.Due {
		return nil
	}
	return w.take(false)
}

// Drain takes all panes out. What comes for them later is late.
func (w *Panes) Drain() []Pane { return w.take(true) }

func (w *Panes) take(all bool) []Pane {
	w.closed, w.Due, w.Oldest = w.closed[:0], math.MaxInt64, math.MaxInt64
	for i := range w.Open {
		w.Open[i] = slices.DeleteFunc(w.Open[i], func(p Pane) bool {
			if all || w.complete(&p) {
				w.closed, w.Free, w.Held = append(w.closed, p), append(w.Free, p.Slot), w.Held-1
				return true
			}
			w.Due, w.Oldest = min(w.Due, p.End), min(w.Oldest, p.Oldest)
			return false
		})
	}
	if w.gap > 0 {
		slices.SortFunc(w.closed, func(a, b Pane) int {
			return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.Start, b.Start), cmp.Compare(a.Group, b.Group))
		})
	}
	for _, p := range w.closed {
		w.Watermark = max(w.Watermark, p.End)
	}
	return w.closed
}
