// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"slices"
	"sync"
	"testing"
	"time"
)

func idsOf(spans []Span) (ids []byte) {
	for _, s := range spans {
		ids = append(ids, s.ID[0])
	}
	return ids
}

func batchOf(ids ...byte) func(func(Span) bool) {
	return func(yield func(Span) bool) {
		for _, id := range ids {
			if !yield(Span{ID: [8]byte{id}, Query: "q"}) {
				return
			}
		}
	}
}

func TestSpansWaitForTheirSender(t *testing.T) {
	now := time.Unix(1000, 0)
	w := NewWaiting[string](time.Minute, 5)
	wantTaken := func(sender string, at time.Time, want ...byte) {
		t.Helper()
		if got := idsOf(w.Take(sender, at)); !slices.Equal(got, want) {
			t.Errorf("took %v of %s, want %v", got, sender, want)
		}
	}
	wantTaken("a", now)
	w.Hold("a", batchOf(1), now)
	w.Hold("b", batchOf(2), now)
	w.Hold("a", batchOf(3), now.Add(time.Second))
	wantTaken("a", now.Add(time.Second), 1, 3)
	wantTaken("a", now.Add(time.Second))
	wantTaken("b", now.Add(time.Minute-1), 2)

	w.Hold("a", batchOf(1), now)
	w.Hold("a", batchOf(2), now.Add(time.Second))
	wantTaken("a", now.Add(time.Minute), 2) // the first waited for a window

	w.Hold("a", batchOf(1, 2, 3), now)
	w.Hold("b", batchOf(4, 5), now)
	w.Hold("c", batchOf(6), now) // the oldest make room
	wantTaken("a", now)
	wantTaken("b", now, 4, 5)
	wantTaken("c", now, 6)
	w.Hold("a", batchOf(1, 2, 3, 4, 5, 6), now) // more than there is ever room for
	wantTaken("a", now, 1, 2, 3, 4, 5)
	if w.spans != 0 || len(w.held) != 0 {
		t.Errorf("%d spans in %d batches are held of nobody", w.spans, len(w.held))
	}
}

func TestWaitingIsConcurrentSafe(t *testing.T) {
	const spans = 300
	w := NewWaiting[int](time.Minute, 4*spans)
	now := time.Unix(1000, 0)
	var all sync.WaitGroup
	for sender := range 4 {
		all.Go(func() {
			taken := 0
			for range spans {
				w.Hold(sender, batchOf(1), now)
				if sender%2 == 0 {
					taken += len(w.Take(sender, now))
				}
			}
			if taken += len(w.Take(sender, now)); taken != spans {
				t.Errorf("took %d spans, want %d", taken, spans)
			}
		})
	}
	all.Wait()
}
