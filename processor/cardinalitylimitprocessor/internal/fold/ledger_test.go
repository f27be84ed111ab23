// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"math/rand/v2"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const opened pcommon.Timestamp = 1000

var (
	requests = Stream{Key: 1, Name: "requests", Form: Form{Monotonic: true}}
	balance  = Stream{Key: 2, Name: "balance"}
	load     = Stream{Key: 3, Name: "load", Form: Form{Gauge: true}}
)

func batchOf(t *testing.T, l *Ledger, now pcommon.Timestamp, s Stream, values ...int64) *Batch {
	t.Helper()
	b := l.NewBatch(now)
	for _, v := range values {
		if r := b.Add(s, intPoint(v)); r != Foldable {
			t.Fatalf("Add: %s", r)
		}
	}
	return b
}

// expectLine checks a page of one line.
func expectLine(t *testing.T, p *Page, start, end pcommon.Timestamp, value int64) {
	t.Helper()
	if p == nil || len(p.Lines) != 1 {
		t.Fatalf("page is %+v, want one line", p)
	}
	to := pmetric.NewNumberDataPoint()
	p.Lines[0].WriteTo(to)
	if to.StartTimestamp() != start || to.Timestamp() != end || to.IntValue() != value {
		t.Errorf("line is [%d, %d] %d, want [%d, %d] %d", to.StartTimestamp(), to.Timestamp(), to.IntValue(), start, end, value)
	}
}

func TestWindowsAbut(t *testing.T) {
	l := NewLedger(9, opened)
	steps := []struct{ now, start, end pcommon.Timestamp }{
		{1500, 1000, 1500},
		{1600, 1500, 1600},
		{1600, 1600, 1601}, // no time passed, but every window has a length
		{1200, 1601, 1602}, // the clock was set back
		{1700, 1602, 1700},
	}
	for _, s := range steps {
		p := l.Take(batchOf(t, l, s.now, requests, 3, 4), s.now)
		expectLine(t, p, s.start, s.end, 7)
		l.Settle(p, true)
	}
}

func TestGaugesHaveNoStart(t *testing.T) {
	l := NewLedger(9, opened)
	expectLine(t, l.Take(batchOf(t, l, 1500, load, 3, 4), 1500), 0, 1500, 4)
}

func TestNothingToWriteIsNoPage(t *testing.T) {
	l := NewLedger(9, opened)
	if l.Take(nil, 1500) != nil || l.Take(l.NewBatch(1500), 1500) != nil {
		t.Error("there is a page with nothing on it")
	}
}

func TestOnePenManyDeposits(t *testing.T) {
	l := NewLedger(9, opened)
	first := l.Take(batchOf(t, l, 1500, requests, 1), 1500)
	for range 3 {
		late := batchOf(t, l, 1500, requests, 10)
		if l.Take(late, 1500) != nil {
			t.Fatal("two have the pen")
		}
		l.Deposit(late)
	}
	if got := l.Held(); got != 3 {
		t.Errorf("%d points held, want 3", got)
	}
	expectLine(t, first, 1000, 1500, 1)
	l.Settle(first, true)

	second := l.Take(nil, 1600)
	expectLine(t, second, 1500, 1600, 30)
	l.Settle(second, true)
	if got := l.Held(); got != 0 {
		t.Errorf("%d points held, want 0", got)
	}
}

// A page that fails takes the batch with it, whose sender sends it again, but not the
// deposits, whose senders know them accepted. The window is not lost either.
func TestFailedPages(t *testing.T) {
	l := NewLedger(9, opened)
	l.Deposit(batchOf(t, l, 1500, requests, 100))

	failed := l.Take(batchOf(t, l, 1500, requests, 1), 1500)
	expectLine(t, failed, 1000, 1500, 101)
	l.Deposit(batchOf(t, l, 1500, requests, 10))
	l.Settle(failed, false)
	if got := l.Held(); got != 2 {
		t.Errorf("%d points held, want 2", got)
	}

	again := l.Take(batchOf(t, l, 1500, requests, 1), 1500)
	expectLine(t, again, 1000, 1501, 111)
	l.Settle(again, true)
	expectLine(t, l.Take(batchOf(t, l, 1600, requests, 5), 1600), 1501, 1600, 5)
}

func TestIntegersAndDoublesDoNotMix(t *testing.T) {
	l := NewLedger(9, opened)
	b := l.NewBatch(1500)
	steps := []struct {
		stream Stream
		point  pmetric.NumberDataPoint
		want   Reason
	}{
		{requests, intPoint(1), Foldable},
		{requests, doublePoint(1), MixedValueTypes},
		{balance, doublePoint(1), Foldable},
		{balance, intPoint(1), MixedValueTypes},
		{load, doublePoint(1), Foldable},
		{load, intPoint(1), Foldable}, // the latest of a gauge is of either type
	}
	for i, s := range steps {
		if got := b.Add(s.stream, s.point); got != s.want {
			t.Errorf("step %d: %q, want %q", i, got, s.want)
		}
	}
	if got := l.NewBatch(1600).Add(requests, doublePoint(1)); got != MixedValueTypes {
		t.Errorf("in another batch: %q, want %q", got, MixedValueTypes)
	}
}

func TestStreamsAreBoundedAndExpire(t *testing.T) {
	l := NewLedger(1, opened)
	l.Settle(l.Take(batchOf(t, l, 1500, requests, 1), 1500), true)
	if got := l.NewBatch(1500).Add(balance, intPoint(1)); got != MetricLimit {
		t.Errorf("second stream: %q, want %q", got, MetricLimit)
	}
	l.Expire(1500)
	if got := l.NewBatch(1500).Add(balance, intPoint(1)); got != MetricLimit {
		t.Errorf("second stream before the first expired: %q, want %q", got, MetricLimit)
	}
	l.Expire(1501)
	expectLine(t, l.Take(batchOf(t, l, 1700, balance, 1), 1700), 1500, 1700, 1)
}

func TestAStreamForgottenOnTheWayIsOpenedAgain(t *testing.T) {
	l := NewLedger(1, opened)
	slow := batchOf(t, l, 1500, requests, 1)
	l.Expire(1501)
	expectLine(t, l.Take(slow, 1600), 1000, 1600, 1)
}

func TestStreamsWithDepositsDoNotExpire(t *testing.T) {
	l := NewLedger(9, opened)
	l.Deposit(batchOf(t, l, 1500, requests, 1))
	l.Expire(9999)
	if len(l.streams) != 1 {
		t.Error("the stream is gone")
	}
	if got := l.Discard(); got != 1 || l.Held() != 0 {
		t.Errorf("Discard() = %d, then %d held, want 1 and 0", got, l.Held())
	}
}

func TestWhatDoesNotFitGoesOnTheNextPage(t *testing.T) {
	const most = int64(^uint64(0) >> 1)
	l := NewLedger(9, opened)
	p := l.Take(batchOf(t, l, 1500, requests, most, 5), 1500)
	expectLine(t, p, 1000, 1500, most)
	l.Settle(p, true)
	expectLine(t, l.Take(nil, 1600), 1500, 1600, 5)
}

// reader is what a downstream component sees: it refuses what is not in order.
type reader struct {
	mu   sync.Mutex
	end  map[uint64]pcommon.Timestamp
	sums map[uint64]int64
}

func (r *reader) read(t *testing.T, p *Page) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range p.Lines {
		to := pmetric.NewNumberDataPoint()
		n.WriteTo(to)
		if last, ok := r.end[n.Key]; ok && n.Start != last {
			t.Errorf("window starts at %d, the last ended at %d", n.Start, last)
		}
		if n.End <= n.Start {
			t.Errorf("window [%d, %d] has no length", n.Start, n.End)
		}
		r.end[n.Key] = n.End
		r.sums[n.Key] += to.IntValue()
	}
}

// Many batches at once, a reader that fails at random: all that senders know accepted
// arrives exactly once, in windows that abut.
func TestConservationConcurrentSafe(t *testing.T) {
	l := NewLedger(9, opened)
	r := &reader{end: map[uint64]pcommon.Timestamp{}, sums: map[uint64]int64{}}
	accepted := make([]map[uint64]int64, 16)
	var race sync.WaitGroup
	for g := range accepted {
		accepted[g] = map[uint64]int64{}
		race.Go(func() {
			rng := rand.New(rand.NewPCG(3, uint64(g)))
			for i := range 2000 {
				s := []Stream{requests, balance}[rng.IntN(2)]
				v := rng.Int64N(1000)
				b := batchOf(t, l, pcommon.Timestamp(1000+i), s, v)
				page, works := l.Take(b, pcommon.Timestamp(1000+i)), rng.IntN(3) > 0
				if page != nil {
					if works {
						r.read(t, page)
					}
					l.Settle(page, works)
				} else if works {
					l.Deposit(b)
				}
				if works {
					accepted[g][s.Key] += v
				}
			}
		})
	}
	race.Wait()
	if page := l.Take(nil, 9999); page != nil {
		r.read(t, page)
		l.Settle(page, true)
	}
	for _, s := range []Stream{requests, balance} {
		want := int64(0)
		for _, of := range accepted {
			want += of[s.Key]
		}
		if r.sums[s.Key] != want {
			t.Errorf("%s: %d arrived, %d were accepted", s.Name, r.sums[s.Key], want)
		}
	}
}

// FuzzConservation reads a schedule from the input: fold, deposit, write, fail.
func FuzzConservation(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 200, 100, 50, 25})
	f.Fuzz(func(t *testing.T, in []byte) {
		l := NewLedger(9, opened)
		r := &reader{end: map[uint64]pcommon.Timestamp{}, sums: map[uint64]int64{}}
		want := map[uint64]int64{}
		now := opened
		var pen *Page
		for _, b := range in {
			now += pcommon.Timestamp(b % 3)
			s, v := []Stream{requests, balance}[b>>7], int64(b)
			switch b % 4 {
			case 0: // a batch that is handed on alone, or deposited
				batch := batchOf(t, l, now, s, v, v)
				if page := l.Take(batch, now); page != nil {
					r.read(t, page)
					l.Settle(page, true)
				} else {
					l.Deposit(batch)
				}
				want[s.Key] += 2 * v
			case 1: // somebody takes the pen and does not come back yet
				if pen == nil {
					pen = l.Take(nil, now)
				}
			case 2: // and comes back with success or without
				if pen != nil {
					if works := b&64 > 0; works {
						r.read(t, pen)
						l.Settle(pen, true)
					} else {
						l.Settle(pen, false)
					}
					pen = nil
				}
			case 3: // a batch that fails
				if page := l.Take(batchOf(t, l, now, s, v), now); page != nil {
					l.Settle(page, false)
				}
			}
		}
		if pen != nil {
			l.Settle(pen, false)
		}
		if page := l.Take(nil, now); page != nil {
			r.read(t, page)
			l.Settle(page, true)
		}
		for key, sum := range want {
			if r.sums[key] != sum {
				t.Fatalf("stream %d: %d arrived, want %d", key, r.sums[key], sum)
			}
		}
	})
}
