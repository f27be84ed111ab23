// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"math"
	"math/bits"
	"slices"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// waiting is a ring of rows of one stream, by arrival, that finds them by key. Rows have numbers, good until the next
// push. It grows to at most four times the most rows it held. The exported fields are its state, for gob.
type waiting struct {
	Clock             int64 // the greatest event time, from 1970 on
	Words             []uint64
	Slots             []slot // by row; a power of two
	Newest            []int  // by hash of the key: like slot.Older
	First, Next, Held int

	stride, word  int    // words of a row; the one that is its key
	mask          uint64 // 0: every row has the key 0
	found         []int
	told          int // what size knows
	size          *telemetry.UpDownCounter
	lost, evicted *telemetry.Cell // rows that left without a partner: in time, for want of room
}

type slot struct {
	Key       uint64
	Older     int // the row before it with this hash; below First: none
	Met, Gone bool
}

func newWaiting(s *event.Schema, key int) *waiting {
	w := &waiting{stride: len(s.Columns) + 1, word: key + 1}
	if key >= 0 {
		w.mask = math.MaxUint64
	}
	w.resize(16)
	return w
}

func (w *waiting) bytes() int64           { return int64(len(w.Slots) * (8*w.stride + 32)) }
func (w *waiting) key(r event.Row) uint64 { return r[w.word] & w.mask }
func (w *waiting) slot(n int) *slot       { return &w.Slots[n&(len(w.Slots)-1)] }
func (w *waiting) row(n int) event.Row    { return w.Words[n&(len(w.Slots)-1)*w.stride:][:w.stride] }

func (w *waiting) newest(key uint64) *int {
	return &w.Newest[key*0x9E3779B97F4A7C15>>bits.LeadingZeros64(uint64(len(w.Newest)-1))]
}

// push adds a copy of r; met says that it has had a partner.
func (w *waiting) push(r event.Row, met bool) {
	if w.Next-w.First == len(w.Slots) {
		w.resize(1 << bits.Len(uint(2*w.Held-1))) // no more than now, if many rows from First on are gone
	}
	newest := w.newest(w.key(r))
	*w.slot(w.Next) = slot{Key: w.key(r), Older: *newest, Met: met}
	copy(w.row(w.Next), r)
	*newest, w.Next, w.Held = w.Next, w.Next+1, w.Held+1
}

func (w *waiting) resize(size int) {
	old := *w
	w.Words, w.Slots, w.Newest = make([]uint64, size*w.stride), make([]slot, size), make([]int, size)
	w.First, w.Next, w.Held = 1, 1, 0
	for n := old.First; n < old.Next; n++ {
		if s := old.slot(n); !s.Gone {
			w.push(old.row(n), s.Met)
		}
	}
}

// find returns the rows of key from a span of event time, by arrival. The slice is good until the next find.
func (w *waiting) find(key uint64, from, to int64) []int {
	w.found = w.found[:0]
	for n := *w.newest(key); n >= w.First; n = w.slot(n).Older {
		if s, t := w.slot(n), w.row(n).Time(); s.Key == key && from <= t && t <= to && !s.Gone {
			w.found = append(w.found, n)
		}
	}
	slices.Reverse(w.found)
	return w.found
}

func (w *waiting) remove(n int) {
	w.slot(n).Gone = true
	for w.Held--; w.First < w.Next && w.slot(w.First).Gone; w.First++ {
	}
}

// expire removes the oldest row while it is from before horizon or more than limit are held, and returns how many had
// no partner. A row whose time is far ahead keeps those that came after it.
func (w *waiting) expire(horizon int64, limit int) (unmet int) {
	for ; w.Held > 0 && (w.Held > limit || w.row(w.First).Time() < horizon); w.remove(w.First) {
		if !w.slot(w.First).Met {
			unmet++
		}
	}
	return unmet
}
