// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// closing is one window of the plain reimplementation.
type closing struct{ start, count int64 }

func TestTumblingAgreesWithAPlainReimplementation(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, batch := range []int{1, 7, 64} {
		for _, jitter := range []int{1, 40} { // 40: many events arrive late
			times := walk(rng, 3000, jitter)
			got, late := tumble(times, batch, 10)
			want, wantLate := plainTumble(times, 10)
			if late != wantLate || !slices.Equal(got, want) {
				t.Errorf("batch %d, jitter %d: %d windows and %d late, want %d and %d", batch, jitter, len(got), late, len(want), wantLate)
			}
		}
	}
}

func walk(rng *rand.Rand, n, jitter int) []int64 {
	out := make([]int64, n)
	at := int64(-500) // begins before 1970
	for i := range out {
		at += int64(rng.IntN(4))
		if rng.IntN(50) == 0 {
			at += 100 // a gap of several windows
		}
		out[i] = at - int64(rng.IntN(jitter))
	}
	return out
}

func tumble(times []int64, batch int, size time.Duration) (out []closing, late int) {
	w := NewTumbling(size)
	take := func(panes []Pane) {
		for _, p := range panes {
			out = append(out, closing{p.Start, int64(p.Count)})
		}
		w.Drop(len(panes))
	}
	for chunk := range slices.Chunk(times, batch) {
		for _, at := range chunk {
			if w.Assign(at) == Late {
				late++
			}
		}
		take(w.Closed())
	}
	take(w.Open())
	return out, late
}

// plainTumble looks at one event at a time and keeps every window in a map.
func plainTumble(times []int64, size int64) (out []closing, late int) {
	counts := map[int64]int64{}
	watermark := int64(math.MinInt64)
	for _, at := range times {
		watermark = max(watermark, at)
		start := int64(math.Floor(float64(at)/float64(size))) * size
		if start+size <= watermark {
			late++
			continue
		}
		counts[start]++
	}
	for start, n := range counts {
		out = append(out, closing{start, n})
	}
	slices.SortFunc(out, func(a, b closing) int { return int(a.start - b.start) })
	return out, late
}

func TestTumblingReusesSlots(t *testing.T) {
	w := NewTumbling(10)
	for at := range int64(10_000) {
		if slot := w.Assign(at); slot > 1 {
			t.Fatalf("slot %d at %d: closed windows must give their slots back", slot, at)
		}
		w.Drop(len(w.Closed()))
	}
}

func TestAWindowDroppedEarlyStaysClosed(t *testing.T) {
	w := NewTumbling(10)
	w.Assign(3)
	w.Drop(len(w.Open()))
	if got := w.Assign(5); got != Late {
		t.Errorf("Assign(5) = %d after the window was dropped, want Late", got)
	}
	if got := w.Assign(10); got == Late {
		t.Error("the next window must be open")
	}
}

func TestSlidingAgreesWithAPlainReimplementation(t *testing.T) {
	extents := []Extent{{Span: 25}, {Count: 4}, {Span: 40, Count: 3}, {Span: 1}}
	for _, e := range extents {
		rng := rand.New(rand.NewPCG(7, 8))
		s := NewSliding(e)
		history := map[int][]entry{}
		at := int64(0)
		for i := range 5000 {
			at += int64(rng.IntN(5))
			key, v := rng.IntN(5), rng.Float64()
			history[key] = append(history[key], entry{at, v})
			view := s.Push(key, at, v)
			n, mean := plainSlide(history[key], e)
			if view.Len() != n || s.Mean(view) != mean {
				t.Fatalf("%+v, push %d: %d entries of mean %v, want %d of %v", e, i, view.Len(), s.Mean(view), n, mean)
			}
			if i%64 == 0 {
				s.Compact()
			}
		}
	}
}

func plainSlide(history []entry, e Extent) (n int, mean float64) {
	newest := history[len(history)-1].at
	var in []entry
	for _, h := range history {
		if e.Span == 0 || h.at > newest-int64(e.Span) {
			in = append(in, h)
		}
	}
	if e.Count > 0 && len(in) > e.Count {
		in = in[len(in)-e.Count:]
	}
	for _, h := range in {
		mean += h.value
	}
	return len(in), mean / float64(len(in))
}

func TestViewsOutliveLaterPushesUntilCompact(t *testing.T) {
	s := NewSliding(Extent{Count: 1})
	first := s.Push(0, 1, 10)
	s.Push(0, 2, 20)
	if got := s.Mean(first); got != 10 {
		t.Errorf("Mean of the first view = %v, want 10", got)
	}
}

func TestSlidingMemoryIsBoundedByItsExtent(t *testing.T) {
	s := NewSliding(Extent{Count: 8})
	for i := range int64(100_000) {
		s.Push(0, i, 1)
		s.Compact()
	}
	if s.Bytes() > 1024 {
		t.Errorf("8 entries hold %d bytes", s.Bytes())
	}
}
