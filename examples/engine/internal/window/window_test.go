// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package window

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

type input struct {
	at    int64
	group int32
}

func walk(rng *rand.Rand, n, jitter, groups int) []input {
	out := make([]input, n)
	at := int64(-500) // begins before 1970
	for i := range out {
		at += int64(rng.IntN(4))
		if rng.IntN(50) == 0 {
			at += 100 // a gap of several windows
		}
		out[i] = input{at - int64(rng.IntN(jitter)), int32(rng.IntN(groups))}
	}
	return out
}

// closing is what a closed pane is about.
type closing struct {
	start, end, oldest int64
	group              int32
	count              int
}

// run passes events in batches and follows the moves in a table of slots; it
// returns what closed, and how many events were late.
func run(t *testing.T, c Config, in []input, batch int) (out []closing, late int) {
	t.Helper()
	w, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	slots, added, left := map[int32]int{}, 0, 0
	take := func(panes []Pane) {
		for _, p := range panes {
			if slots[p.Slot] != p.Count {
				t.Fatalf("slot %d holds %d events of pane %+v", p.Slot, slots[p.Slot], p)
			}
			delete(slots, p.Slot)
			left += p.Last
			out = append(out, closing{p.Start, p.End, p.Oldest, p.Group, p.Count})
		}
	}
	for chunk := range slices.Chunk(in, batch) {
		var moves []Move
		for i, e := range chunk {
			var v Verdict
			if moves, v = w.Assign(int32(i), e.group, e.at, moves); v != InTime {
				late++
			}
			if v != Dropped {
				added++
			}
		}
		closed := w.Closed()
		for _, m := range moves {
			if m.Row == Join {
				slots[m.Slot] += slots[m.Group]
				delete(slots, m.Group)
			} else {
				slots[m.Slot]++
			}
		}
		take(closed)
		checkHeld(t, w)
	}
	take(w.Drain())
	if added != left || w.Held != 0 || len(slots) != 0 {
		t.Fatalf("%d events came in, %d left; %d panes and %d slots are held", added, left, w.Held, len(slots))
	}
	return out, late
}

func checkHeld(t *testing.T, w *Panes) {
	t.Helper()
	panes, oldest := slices.Concat(w.Open...), int64(math.MaxInt64)
	for _, p := range panes {
		oldest = min(oldest, p.Oldest)
	}
	if w.Held != len(panes) || w.Oldest != oldest {
		t.Fatalf("%d panes since %d are said to be held, want %d since %d", w.Held, w.Oldest, len(panes), oldest)
	}
}

// plainAligned looks at one event at a time and keeps every window in a map.
func plainAligned(in []input, size, slide, delay int64) (out []closing, late int) {
	windows, watermark := map[int64]closing{}, int64(math.MinInt64)
	for _, e := range in {
		watermark = max(watermark, e.at-delay)
		newest := int64(math.Floor(float64(e.at)/float64(slide))) * slide
		if newest+size <= watermark {
			late++
		}
		for start := newest; start > e.at-size; start -= slide {
			if start+size > watermark {
				c, ok := windows[start]
				if !ok {
					c = closing{start, start + size, e.at, -1, 0}
				}
				c.count, c.oldest = c.count+1, min(c.oldest, e.at)
				windows[start] = c
			}
		}
	}
	for _, c := range windows {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b closing) int { return int(a.start - b.start) })
	return out, late
}

func TestAlignedWindowsAgreeWithAPlainReimplementation(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, c := range []Config{{Size: 10}, {Size: 10, Slide: 10}, {Size: 12, Slide: 4}, {Size: 10, Slide: 3}, {Size: 10, Delay: 15}, {Size: 9, Slide: 2, Delay: 25}} {
		for _, batch := range []int{1, 7, 64} {
			for _, jitter := range []int{1, 40} { // 40: many events arrive late
				in := walk(rng, 3000, jitter, 3)
				got, late := run(t, c, in, batch)
				want, wantLate := plainAligned(in, int64(c.Size), int64(cmp.Or(c.Slide, c.Size)), int64(c.Delay))
				if late != wantLate || !slices.Equal(got, want) {
					t.Fatalf("%+v, batch %d, jitter %d: %d windows and %d late, want %d and %d", c, batch, jitter, len(got), late, len(want), wantLate)
				}
			}
		}
	}
}

func TestOutOfOrderWithinTheDelayIsNotLate(t *testing.T) {
	in := walk(rand.New(rand.NewPCG(1, 2)), 3000, 20, 3)
	for _, c := range []Config{{Size: 10, Delay: 20}, {Size: 10, Slide: 2, Delay: 20}, {Gap: 5, Delay: 20}} {
		if _, late := run(t, c, in, 16); late != 0 {
			t.Errorf("%+v: %d late", c, late)
		}
		c.Delay = 0
		if _, late := run(t, c, in, 16); late == 0 {
			t.Errorf("%+v: nothing is late", c)
		}
	}
}

// plainSessions keeps the times of the events of each open session.
func plainSessions(in []input, gap, delay int64) (out []closing, late int) {
	open, watermark := map[int32][][]int64{}, int64(math.MinInt64)
	for _, e := range in {
		watermark = max(watermark, e.at-delay)
		joined, kept, near := []int64{e.at}, [][]int64{}, false
		for _, s := range open[e.group] {
			end := slices.Max(s) + gap
			if end > watermark && e.at < end && slices.Min(s) < e.at+gap {
				joined, near = append(joined, s...), true
			} else {
				kept = append(kept, s)
			}
		}
		if !near && e.at+gap <= watermark {
			late++
			continue
		}
		open[e.group] = append(kept, joined)
	}
	for group, sessions := range open {
		for _, s := range sessions {
			out = append(out, closing{slices.Min(s), slices.Max(s) + gap, slices.Min(s), group, len(s)})
		}
	}
	return out, late
}

func TestSessionsAgreeWithAPlainReimplementation(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	order := func(a, b closing) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end), cmp.Compare(a.group, b.group))
	}
	for _, c := range []Config{{Gap: 4}, {Gap: 7, Delay: 12}, {Gap: 3, Delay: 30}, {Gap: 20, Delay: 5}} {
		for _, batch := range []int{1, 7, 64} {
			in := walk(rng, 3000, 20, 4)
			got, late := run(t, c, in, batch)
			if !slices.IsSortedFunc(got[:len(got)/2], func(a, b closing) int { return int(a.end-b.end) / 200 }) {
				t.Error("sessions must close by end")
			}
			want, wantLate := plainSessions(in, int64(c.Gap), int64(c.Delay))
			slices.SortFunc(got, order)
			slices.SortFunc(want, order)
			if late != wantLate || !slices.Equal(got, want) {
				t.Fatalf("%+v, batch %d: %d sessions and %d late, want %d and %d", c, batch, len(got), late, len(want), wantLate)
			}
		}
	}
}

func TestASessionIsJoinedByAnEventInItsGap(t *testing.T) {
	got, _ := run(t, Config{Gap: 10, Delay: 100}, []input{{0, 0}, {15, 0}, {15, 1}, {8, 0}}, 1)
	want := []closing{{0, 25, 0, 0, 3}, {15, 25, 15, 1, 1}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	got, _ = run(t, Config{Gap: 10, Delay: 100}, []input{{0, 0}, {10, 0}}, 1)
	if len(got) != 2 {
		t.Errorf("events a gap apart are in %d sessions, want 2", len(got))
	}
}

func TestAcceptedEventsOpenTheirWindowsAgain(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, c := range []Config{{Size: 10}, {Size: 12, Slide: 4}, {Gap: 4}} {
		in := walk(rng, 2000, 40, 2)
		_, dropped := run(t, c, in, 16)
		c.Accept = true
		got, late := run(t, c, in, 16)
		counts, all := map[[2]int64]int{}, 0
		for _, g := range got {
			counts[[2]int64{g.start, g.end}] += g.count
			all += g.count
		}
		if c.Gap > 0 {
			if all != len(in) || late == 0 {
				t.Errorf("%+v: %d of %d events came out, %d late", c, all, len(in), late)
			}
			continue
		}
		want, _ := plainAligned(in, int64(c.Size), int64(cmp.Or(c.Slide, c.Size)), 1<<40) // nothing is late
		if late != dropped || late == 0 || len(got) <= len(want) || len(counts) != len(want) {
			t.Errorf("%+v: %d late, want %d; %d results of %d windows, want %d", c, late, dropped, len(got), len(counts), len(want))
		}
		for _, e := range want {
			if counts[[2]int64{e.start, e.end}] != e.count {
				t.Fatalf("%+v: window %d got %d events in all, want %d", c, e.start, counts[[2]int64{e.start, e.end}], e.count)
			}
		}
	}
}

func TestLengthBatchesAgreeWithChunks(t *testing.T) {
	in := walk(rand.New(rand.NewPCG(11, 12)), 1003, 30, 3)
	for _, batch := range []int{1, 7, 64} {
		got, late := run(t, Config{Length: 10}, in, batch)
		var want []closing
		for chunk := range slices.Chunk(in, 10) {
			c := closing{math.MaxInt64, math.MinInt64, 0, -1, len(chunk)}
			for _, e := range chunk {
				c.start, c.end = min(c.start, e.at), max(c.end, e.at)
			}
			c.oldest = c.start
			want = append(want, c)
		}
		if late != 0 || !slices.Equal(got, want) {
			t.Errorf("batch %d: got %+v, want %+v", batch, got, want)
		}
	}
}

func TestAManualWindowIsClosedByDrainAlone(t *testing.T) {
	in := walk(rand.New(rand.NewPCG(13, 14)), 100, 30, 3)
	if got, _ := run(t, Config{}, in, 7); len(got) != 1 || got[0].count != 100 {
		t.Errorf("got %+v", got)
	}
	w, _ := New(Config{})
	for n := range 3 {
		w.Assign(0, 0, int64(-n), nil)
		if len(w.Closed()) != 0 || len(w.Drain()) != 1 || !w.Manual() {
			t.Error("it must close when it is drained, every time")
		}
	}
}

func TestClosedWindowsGiveTheirSlotsBack(t *testing.T) {
	w, err := New(Config{Size: 10})
	if err != nil {
		t.Fatal(err)
	}
	for at := range int64(10_000) {
		if moves, _ := w.Assign(0, 0, at, nil); moves[0].Slot > 1 {
			t.Fatalf("slot %d at %d", moves[0].Slot, at)
		}
		w.Closed()
	}
}

func TestAWindowDrainedEarlyStaysClosed(t *testing.T) {
	w, err := New(Config{Size: 10})
	if err != nil {
		t.Fatal(err)
	}
	w.Assign(0, 0, 3, nil)
	w.Drain()
	if _, v := w.Assign(0, 0, 5, nil); v != Dropped {
		t.Errorf("an event of the drained window is %d, want Dropped", v)
	}
	if _, v := w.Assign(0, 0, 10, nil); v != InTime {
		t.Error("the next window must be open")
	}
}

func TestAbsurdTimesDoNoHarm(t *testing.T) {
	for _, c := range []Config{{Size: 10}, {Size: 10, Slide: 3, Delay: 5, Accept: true}, {Gap: 5, Delay: 5}, {Length: 3}} {
		run(t, c, []input{{math.MinInt64, 0}, {0, 0}, {math.MaxInt64, 0}, {math.MinInt64, 0}, {5, 0}}, 2)
	}
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	for _, c := range []Config{{Size: -1}, {Size: 10, Slide: 11}, {Slide: 5}, {Size: time.Hour, Slide: time.Second}, {Gap: -1}, {Length: -1}, {Size: 1, Delay: -1}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v must be refused", c)
		}
	}
}

func row(at int64, v uint64) event.Row { return event.Row{uint64(at), v} }

func TestLanesAgreeWithAPlainReimplementation(t *testing.T) {
	for _, e := range []Extent{{Span: 25}, {Count: 4}, {Span: 40, Count: 3}, {Span: 1}} {
		rng := rand.New(rand.NewPCG(7, 8))
		s, history, inside := NewLanes(e), map[int32][]event.Row{}, map[int32][]uint64{}
		at := int64(0)
		for i := range 5000 {
			at += int64(rng.IntN(5))
			group, r := int32(rng.IntN(5)), row(at, rng.Uint64())
			history[group] = append(history[group], r)
			got := s.Push(group, r)
			inside[group] = plainLane(history[group], e)
			if !slices.Equal(got, inside[group]) {
				t.Fatalf("%+v, push %d: got %v, want %v", e, i, got, inside[group])
			}
			if i%64 == 0 {
				s.Next()
				checkLanes(t, s, inside)
			}
		}
	}
}

// plainLane returns the rows inside.
func plainLane(history []event.Row, e Extent) (words []uint64) {
	newest := history[len(history)-1].Time()
	for i, h := range history {
		if (e.Span == 0 || h.Time() > newest-int64(e.Span)) && (e.Count == 0 || len(history)-i <= e.Count) {
			words = append(words, h...)
		}
	}
	return words
}

func checkLanes(t *testing.T, s *Lanes, inside map[int32][]uint64) {
	t.Helper()
	n, oldest := 0, int64(math.MaxInt64)
	for _, words := range inside {
		n, oldest = n+len(words)/2, min(oldest, int64(words[0]))
	}
	if s.Inside != n || s.Oldest() != oldest {
		t.Fatalf("%d rows since %d are said to be inside, want %d since %d", s.Inside, s.Oldest(), n, oldest)
	}
}

func TestViewsOutliveLaterPushesUntilTheNextBatch(t *testing.T) {
	s := NewLanes(Extent{Count: 1})
	first := s.Push(0, row(1, 10))
	for i := range int64(100) {
		s.Push(0, row(2+i, 20))
	}
	if !slices.Equal(first, []uint64{1, 10}) {
		t.Errorf("the first view is now %v", first)
	}
}

func TestWhatLeftALaneDoesNotComeBackForALateRow(t *testing.T) {
	s := NewLanes(Extent{Span: 10})
	for _, step := range []struct {
		at   int64
		want []uint64
	}{{0, []uint64{0}}, {10, []uint64{10}}, {5, []uint64{10, 5}}, {16, []uint64{10, 5, 16}}, {20, []uint64{16, 20}}} {
		if got := s.Push(0, event.Row{uint64(step.at)}); !slices.Equal(got, step.want) {
			t.Errorf("after %d the lane holds %v, want %v", step.at, got, step.want)
		}
	}
}

func TestMemoryOfLanesIsBoundedByTheirExtent(t *testing.T) {
	s := NewLanes(Extent{Count: 8})
	for i := range int64(100_000) {
		s.Push(0, row(i, 1))
		s.Next()
	}
	if s.Bytes > 1024 {
		t.Errorf("8 rows hold %d bytes", s.Bytes)
	}
	s = NewLanes(Extent{Span: time.Hour})
	for range MaxPerGroup + 100 {
		s.Push(0, row(1, 1))
	}
	if s.Inside != MaxPerGroup {
		t.Errorf("%d rows inside, want %d", s.Inside, MaxPerGroup)
	}
}
