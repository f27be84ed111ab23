// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/tenant"
)

const opened pcommon.Timestamp = 1000

// metric is a Describer.
type metric struct {
	key, group uint64
	name       string
	form       fold.Form
}

func (m *metric) Describe() Series {
	return Series{Tenant: &tenant.Tenant{Key: 1, Name: "t"}, Name: m.name, Attributes: pcommon.NewMap()}
}

func (m *metric) target(source uint64) *Target {
	return &Target{Key: m.key, Group: m.group, Source: source, Form: m.form}
}

var (
	requests = &metric{key: 1, group: 1, name: "requests", form: fold.Form{Type: pmetric.MetricTypeSum, Monotonic: true}}
	balance  = &metric{key: 2, group: 2, name: "balance", form: fold.Form{Type: pmetric.MetricTypeSum}}
	load     = &metric{key: 3, group: 3, name: "load", form: fold.Form{Type: pmetric.MetricTypeGauge}}
	served   = &metric{key: 4, group: 4, name: "served", form: fold.Form{Type: pmetric.MetricTypeSum, Monotonic: true, Cumulative: true}}
	sessions = &metric{key: 5, group: 5, name: "sessions", form: fold.Form{Type: pmetric.MetricTypeSum, Cumulative: true}}
)

func intPoint(v int64) *fold.Point {
	p := pmetric.NewNumberDataPoint()
	p.SetIntValue(v)
	return fold.NumberPoint(p)
}

// cumulative returns a point of a source that began at start.
func cumulative(start, at pcommon.Timestamp, v int64) *fold.Point {
	p := intPoint(v)
	p.SetTimes(start, at)
	return p
}

func limited(n int) *Ledger {
	return New(Limits{Streams: n, StreamsPerGroup: n, Sources: n}, opened)
}

func batchOf(t *testing.T, l *Ledger, now pcommon.Timestamp, m *metric, values ...int64) *Batch {
	t.Helper()
	b := l.NewBatch(now)
	for _, v := range values {
		if r := b.Add(m.target(0), intPoint(v), m); r != Folded {
			t.Fatalf("Add: %s", r)
		}
	}
	return b
}

// written returns the point of a line.
func written(n *Line) pmetric.NumberDataPoint {
	m := pmetric.NewMetric()
	n.WriteTo(m)
	if m.Type() == pmetric.MetricTypeGauge {
		return m.Gauge().DataPoints().At(0)
	}
	return m.Sum().DataPoints().At(0)
}

// expectLine checks a page of one line.
func expectLine(t *testing.T, p *Page, start, end pcommon.Timestamp, value int64) {
	t.Helper()
	if p == nil || len(p.Lines) != 1 {
		t.Fatalf("page is %+v, want one line", p)
	}
	to := written(&p.Lines[0])
	if to.StartTimestamp() != start || to.Timestamp() != end || to.IntValue() != value {
		t.Errorf("line is [%d, %d] %d, want [%d, %d] %d", to.StartTimestamp(), to.Timestamp(), to.IntValue(), start, end, value)
	}
}

// add folds points of one cumulative source and returns what became of the last.
func add(l *Ledger, now pcommon.Timestamp, m *metric, source uint64, points ...*fold.Point) (last Reason) {
	b := l.NewBatch(now)
	for _, p := range points {
		last = b.Add(m.target(source), p, m)
	}
	return last
}

func TestT09WindowsAbut(t *testing.T) {
	l := limited(9)
	steps := []struct{ now, start, end pcommon.Timestamp }{
		{1500, 1000, 1500},
		{1600, 1500, 1600},
		{1600, 1600, 1601}, // no time passed, but every window has a length
		{1200, 1601, 1602}, // the clock was set back
		{1700, 1602, 1700},
	}
	for _, s := range steps {
		p := l.Take(batchOf(t, l, s.now, requests, 3, 4), s.now, false)
		expectLine(t, p, s.start, s.end, 7)
		l.Settle(p, true)
	}
}

func TestGaugesHaveNoStart(t *testing.T) {
	l := limited(9)
	expectLine(t, l.Take(batchOf(t, l, 1500, load, 3, 4), 1500, false), 0, 1500, 4)
}

func TestNothingToWriteIsNoPage(t *testing.T) {
	l := limited(9)
	if l.Take(nil, 1500, true) != nil || l.Take(l.NewBatch(1500), 1500, true) != nil {
		t.Error("there is a page with nothing on it")
	}
}

func TestOnePenManyDeposits(t *testing.T) {
	l := limited(9)
	first := l.Take(batchOf(t, l, 1500, requests, 1), 1500, false)
	for range 3 {
		late := batchOf(t, l, 1500, requests, 10)
		if l.Take(late, 1500, false) != nil {
			t.Fatal("two have the pen")
		}
		l.Deposit(late)
	}
	if got := l.Usage().Held; got != 3 {
		t.Errorf("%d points held, want 3", got)
	}
	expectLine(t, first, 1000, 1500, 1)
	l.Settle(first, true)

	second := l.Take(nil, 1600, false)
	expectLine(t, second, 1500, 1600, 30)
	l.Settle(second, true)
	if got := l.Usage().Held; got != 0 {
		t.Errorf("%d points held, want 0", got)
	}
}

// With an interval one point is written per interval, whatever number of batches comes.
func TestFlushInterval(t *testing.T) {
	l := New(Limits{Streams: 9, StreamsPerGroup: 9, Sources: 9, FlushInterval: 500}, opened)
	for now := opened + 100; now < opened+500; now += 100 {
		b := batchOf(t, l, now, requests, 1)
		if l.Take(b, now, false) != nil {
			t.Fatalf("a page at %d", now)
		}
		l.Deposit(b)
	}
	p := l.Take(nil, 1500, false)
	expectLine(t, p, 1000, 1500, 4)
	l.Settle(p, true)
	l.Deposit(batchOf(t, l, 1600, requests, 9))
	if l.Take(nil, 1999, false) != nil {
		t.Error("a page before the interval ended")
	}
	expectLine(t, l.Take(nil, 1999, true), 1500, 1999, 9)
}

// A page that fails takes the batch with it, whose sender sends it again, but not the
// deposits, whose senders know them accepted. The window is not lost either.
func TestT28FailedPagesOfDeltas(t *testing.T) {
	l := limited(9)
	l.Deposit(batchOf(t, l, 1500, requests, 100))

	failed := l.Take(batchOf(t, l, 1500, requests, 1), 1500, false)
	expectLine(t, failed, 1000, 1500, 101)
	l.Deposit(batchOf(t, l, 1500, requests, 10))
	l.Settle(failed, false)
	if got := l.Usage().Held; got != 2 {
		t.Errorf("%d points held, want 2", got)
	}

	again := l.Take(batchOf(t, l, 1500, requests, 1), 1500, false)
	expectLine(t, again, 1000, 1501, 111)
	l.Settle(again, true)
	expectLine(t, l.Take(batchOf(t, l, 1600, requests, 5), 1600, false), 1501, 1600, 5)
}

// What a cumulative source adds is in the total at once: its batch may come again.
func TestT28FailedPagesOfTotals(t *testing.T) {
	l := limited(9)
	for range 3 {
		if r := add(l, 1500, served, 7, cumulative(1400, 1500, 10)); r != Folded {
			t.Fatalf("Add: %s", r)
		}
		failed := l.Take(nil, 1500, false)
		l.Settle(failed, false)
	}
	p := l.Take(nil, 1600, false)
	if got := written(&p.Lines[0]); got.IntValue() != 10 || got.StartTimestamp() != opened {
		t.Errorf("total is %d since %d, want 10 since %d", got.IntValue(), got.StartTimestamp(), opened)
	}
}

// A source that comes adds what it has beyond the overflow series, one that goes takes
// nothing away, and one that begins anew adds all of its new value.
func TestT01ATotalNeverFalls(t *testing.T) {
	l := limited(9)
	steps := []struct {
		source    uint64
		start, at pcommon.Timestamp
		value     int64
		reason    Reason
		total     int64
	}{
		{1, 1100, 1200, 10, Folded, 10},
		{2, 1100, 1200, 5, Folded, 15},
		{1, 1100, 1300, 12, Folded, 17},
		{3, 500, 1300, 1000, Baseline, 17},  // T2: began before the overflow series
		{3, 500, 1400, 1003, Folded, 20},    // but what it adds since counts
		{2, 1350, 1400, 2, Folded, 22},      // T3: began anew
		{1, 1100, 1300, 12, Folded, 22},     // sent again
		{1, 1100, 1250, 11, OutOfOrder, 22}, // from before
		{4, 0, 1400, 100, Baseline, 22},     // no start: nothing is known of its past
		{5, 1400, 1400, 100, Baseline, 22},  // a start that says nothing either
		{1, 1100, 1500, 3, Folded, 25},      // fell: it began anew without saying so
		{4, 0, 1500, 101, Folded, 26},       //
		{6, 1450, 1500, 4, Folded, 30},      //
		{2, 1350, 1500, 2, Folded, 30},      // nothing happened
		{6, 1450, 1600, 4 + 1<<40, Folded, 30 + 1<<40},
	}
	for i, s := range steps {
		if got := add(l, s.at, served, s.source, cumulative(s.start, s.at, s.value)); got != s.reason {
			t.Errorf("step %d: %q, want %q", i, got, s.reason)
		}
		if p := l.Take(nil, s.at, false); p != nil {
			if got := written(&p.Lines[0]); got.IntValue() != s.total || got.StartTimestamp() != opened {
				t.Errorf("step %d: total is %d since %d, want %d since %d", i, got.IntValue(), got.StartTimestamp(), s.total, opened)
			}
			l.Settle(p, true)
		} else if s.reason == Folded {
			t.Errorf("step %d: nothing to write", i)
		}
	}
	l.Expire(9999) // every source is gone
	if got := l.Usage(); got.Sources != 0 || got.Held != 0 {
		t.Errorf("after expiry: %+v", got)
	}
}

// The places of those that had one and lost it are known to be older than NewSince.
func TestT04WhatWasWrittenUnderItsOwnNameIsNotCountedAgain(t *testing.T) {
	l := limited(9)
	b := l.NewBatch(3000)
	target := served.target(1)
	target.NewSince = 2000
	if got := b.Add(target, cumulative(1500, 3000, 40), served); got != Baseline {
		t.Errorf("began before: %q, want %q", got, Baseline)
	}
	target = served.target(2)
	target.NewSince = 2000
	if got := b.Add(target, cumulative(2500, 3000, 40), served); got != Folded {
		t.Errorf("began after: %q, want %q", got, Folded)
	}
}

// T4: a source that gets a place of its own is written as what it has beyond what was
// folded of it, so that nothing counts twice, until it starts anew.
func TestT04APromotedSourceIsRebased(t *testing.T) {
	l := limited(9)
	add(l, 1500, served, 1, cumulative(1100, 1500, 10))
	add(l, 1500, sessions, 2, cumulative(1100, 1500, 10))
	if got := l.Promote(1, cumulative(1100, 1499, 9), 1600); got != TooEarly {
		t.Errorf("an early point: %d, want %d", got, TooEarly)
	}
	for source, want := range map[uint64]Promotion{1: Rebased, 2: Plain, 3: Plain} {
		if got := l.Promote(source, cumulative(1100, 1600, 12), 1600); got != want {
			t.Errorf("Promote(%d) = %d, want %d", source, got, want)
		}
	}
	if got := l.Usage().Sources; got != 0 {
		t.Errorf("%d sources are left, want 0", got)
	}
	steps := []struct {
		start, at   pcommon.Timestamp
		value       int64
		reason      Reason
		wantStart   pcommon.Timestamp
		wantWritten int64
	}{
		{1100, 1600, 12, Folded, 1500, 2},
		{1100, 1600, 12, Folded, 1500, 2}, // sent again
		{1100, 1700, 15, Folded, 1500, 5},
		{1100, 1650, 13, Folded, 1500, 3},    // late, but not before it was promoted
		{1100, 1400, 9, OutOfOrder, 1100, 9}, // before: it is in the overflow series
		{1750, 1800, 40, Folded, 1750, 40},   // began anew, and has more already
		{1750, 1900, 54, Folded, 1750, 54},   // nothing to subtract any more
		{1100, 1400, 1, Folded, 1100, 1},     // and nothing to compare with
	}
	for i, s := range steps {
		p := pmetric.NewNumberDataPoint()
		p.SetIntValue(s.value)
		p.SetStartTimestamp(s.start)
		p.SetTimestamp(s.at)
		p.Attributes().PutStr("kept", "yes")
		if got := l.Rebase(1, fold.NumberPoint(p), 1600); got != s.reason {
			t.Errorf("step %d: %q, want %q", i, got, s.reason)
		}
		if p.IntValue() != s.wantWritten || p.StartTimestamp() != s.wantStart || p.Timestamp() != s.at || p.Attributes().Len() != 1 {
			t.Errorf("step %d: %d since %d at %d, want %d since %d at %d", i,
				p.IntValue(), p.StartTimestamp(), p.Timestamp(), s.wantWritten, s.wantStart, s.at)
		}
	}
	if l.Promotions() != 0 {
		t.Error("a source that began anew is still promoted")
	}
}

func TestT04HistogramsAreRebased(t *testing.T) {
	l := limited(9)
	latency := &metric{key: 9, group: 9, name: "latency", form: fold.Form{Type: pmetric.MetricTypeHistogram, Cumulative: true}}
	point := func(at pcommon.Timestamp, counts ...uint64) pmetric.HistogramDataPoint {
		p := pmetric.NewHistogramDataPoint()
		p.SetStartTimestamp(1100)
		p.SetTimestamp(at)
		p.ExplicitBounds().FromRaw([]float64{1, 2})
		p.BucketCounts().FromRaw(counts)
		for _, n := range counts {
			p.SetCount(p.Count() + n)
		}
		p.SetSum(float64(p.Count()))
		p.Attributes().PutStr("kept", "yes")
		p.Exemplars().AppendEmpty().SetIntValue(7)
		return p
	}
	add(l, 1500, latency, 1, fold.HistogramPoint(point(1500, 1, 2, 3)))
	l.Promote(1, fold.HistogramPoint(point(1600, 2, 2, 7)), 1600)
	p := point(1600, 2, 2, 7)
	if r := l.Rebase(1, fold.HistogramPoint(p), 1600); r != Folded {
		t.Fatalf("Rebase: %s", r)
	}
	want := point(1600, 1, 0, 4)
	want.SetStartTimestamp(1500)
	assert.Equal(t, want.BucketCounts().AsRaw(), p.BucketCounts().AsRaw())
	assert.Equal(t, want.ExplicitBounds().AsRaw(), p.ExplicitBounds().AsRaw())
	assert.Equal(t, want.Attributes().AsRaw(), p.Attributes().AsRaw())
	assert.Equal(t, []any{want.Count(), want.Sum(), want.StartTimestamp(), want.Timestamp(), 1},
		[]any{p.Count(), p.Sum(), p.StartTimestamp(), p.Timestamp(), p.Exemplars().Len()})
}

func TestPromotionsAreForgotten(t *testing.T) {
	l := limited(9)
	for source := range uint64(3) {
		add(l, 1500, served, source, cumulative(1100, 1500, 10))
		l.Promote(source, cumulative(1100, 1600, 10), pcommon.Timestamp(1600+source))
	}
	l.Demote(0)
	l.Expire(1602)
	if got := l.Promotions(); got != 1 {
		t.Errorf("%d promotions, want the one that is in use", got)
	}
	restored := reload(t, l, true)
	p := cumulative(1100, 1900, 11)
	if r := restored.Rebase(2, p, 2000); r != Folded || p.Start() != 1500 {
		t.Errorf("after a restart: %q since %d, want it rebased since 1500", r, p.Start())
	}
}

// A level is the sum of what its sources stand at: one that ends is taken out.
func TestT08LevelsLoseWhatEnds(t *testing.T) {
	l := limited(9)
	levels := func(now pcommon.Timestamp, want int64) {
		t.Helper()
		p := l.Take(nil, now, false)
		if p == nil || len(p.Lines) != 1 {
			t.Fatal("no page of one line")
		}
		if got := written(&p.Lines[0]).IntValue(); got != want {
			t.Errorf("level is %d, want %d", got, want)
		}
		l.Settle(p, true)
	}
	add(l, 1500, sessions, 1, cumulative(500, 1500, 10)) // whatever its start
	add(l, 1500, sessions, 2, cumulative(500, 1500, 5))
	levels(1500, 15)
	add(l, 1600, sessions, 1, cumulative(500, 1600, 4))
	levels(1600, 9)
	if !l.End(2) || l.End(2) {
		t.Error("a source ends once")
	}
	levels(1700, 4)
	l.Expire(1601)
	levels(1800, 0)
}

func TestT01SourcesAreBounded(t *testing.T) {
	l := New(Limits{Streams: 9, StreamsPerGroup: 9, Sources: 2}, opened)
	for source, want := range []Reason{Folded, Folded, Untracked} {
		if got := add(l, 1500, served, uint64(source), cumulative(1100, 1500, 1)); got != want {
			t.Errorf("source %d: %q, want %q", source, got, want)
		}
	}
	l.Expire(1501)
	if got := add(l, 1600, served, 9, cumulative(1100, 1600, 1)); got != Folded {
		t.Errorf("after expiry: %q", got)
	}
}

func TestT06StreamsAreBoundedAndExpire(t *testing.T) {
	l := limited(1)
	l.Settle(l.Take(batchOf(t, l, 1500, requests, 1), 1500, false), true)
	refused := func() Reason { return l.NewBatch(1500).Add(balance.target(0), intPoint(1), balance) }
	if got := refused(); got != OverflowLimit {
		t.Errorf("second stream: %q, want %q", got, OverflowLimit)
	}
	l.Expire(1500)
	if got := refused(); got != OverflowLimit {
		t.Errorf("second stream before the first expired: %q, want %q", got, OverflowLimit)
	}
	l.Expire(1501)
	expectLine(t, l.Take(batchOf(t, l, 1700, balance, 1), 1700, false), 1500, 1700, 1)
}

// T5: a total that comes back begins at zero, after its last window.
func TestT05AForgottenTotalBeginsAnew(t *testing.T) {
	l := limited(9)
	add(l, 1500, served, 1, cumulative(1100, 1500, 10))
	l.Settle(l.Take(nil, 1500, false), true)
	l.Expire(1501)
	add(l, 1700, served, 1, cumulative(1600, 1700, 3))
	expectLine(t, l.Take(nil, 1700, false), 1500, 1700, 3)
}

func TestGroupsAreBounded(t *testing.T) {
	l := New(Limits{Streams: 9, StreamsPerGroup: 1, Sources: 9}, opened)
	other := &metric{key: 11, group: requests.group, name: "requests", form: requests.form}
	batchOf(t, l, 1500, requests, 1)
	if got := l.NewBatch(1500).Add(other.target(0), intPoint(1), other); got != OverflowLimit {
		t.Errorf("second stream of the group: %q, want %q", got, OverflowLimit)
	}
	batchOf(t, l, 1500, balance, 1)
}

func TestAStreamForgottenOnTheWayIsOpenedAgain(t *testing.T) {
	l := limited(1)
	slow := batchOf(t, l, 1500, requests, 1)
	l.Expire(1501)
	expectLine(t, l.Take(slow, 1600, false), 1000, 1600, 1)
}

func TestStreamsWithDepositsDoNotExpire(t *testing.T) {
	l := limited(9)
	l.Deposit(batchOf(t, l, 1500, requests, 1))
	add(l, 1500, served, 1, cumulative(1100, 1500, 10))
	l.Expire(9999)
	if got := l.Usage().Streams; got != 2 {
		t.Errorf("%d streams, want 2", got)
	}
	if got := l.Discard(); got != 2 || l.Usage().Held != 0 {
		t.Errorf("Discard() = %d, then %d held, want 2 and 0", got, l.Usage().Held)
	}
}

func TestT07WhatDoesNotFitGoesOnTheNextPage(t *testing.T) {
	l := limited(9)
	p := l.Take(batchOf(t, l, 1500, requests, math.MaxInt64, 5), 1500, false)
	expectLine(t, p, 1000, 1500, math.MaxInt64)
	l.Settle(p, true)
	expectLine(t, l.Take(nil, 1600, false), 1500, 1600, 5)
}

// reader is what a downstream component sees: it refuses what is not in order.
type reader struct {
	mu     sync.Mutex
	end    map[string]pcommon.Timestamp
	sums   map[string]int64
	totals map[string]int64
}

func newReader() *reader {
	return &reader{end: map[string]pcommon.Timestamp{}, sums: map[string]int64{}, totals: map[string]int64{}}
}

func (r *reader) read(t *testing.T, p *Page) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range p.Lines {
		n := &p.Lines[i]
		to := written(n)
		last, ok := r.end[n.Name]
		r.end[n.Name] = n.End
		if n.stream.form.Cumulative {
			if to.StartTimestamp() != opened || to.Timestamp() <= last || to.IntValue() < r.totals[n.Name] {
				t.Errorf("total went from %d at %d to %d at %d", r.totals[n.Name], last, to.IntValue(), to.Timestamp())
			}
			r.totals[n.Name] = to.IntValue()
			continue
		}
		if ok && n.Start != last {
			t.Errorf("window starts at %d, the last ended at %d", n.Start, last)
		}
		if n.End <= n.Start {
			t.Errorf("window [%d, %d] has no length", n.Start, n.End)
		}
		r.sums[n.Name] += to.IntValue()
	}
}

// Many batches at once, a reader that fails at random: all that senders know accepted
// arrives exactly once, in windows that abut, and totals never fall.
func TestConservationConcurrentSafe(t *testing.T) {
	l := limited(64)
	r := newReader()
	accepted := make([]map[string]int64, 16)
	served1 := make([]int64, len(accepted))
	var race sync.WaitGroup
	for g := range accepted {
		accepted[g] = map[string]int64{}
		race.Go(func() {
			rng := rand.New(rand.NewPCG(3, uint64(g)))
			for i := range pcommon.Timestamp(2000) {
				now := opened + 1 + i
				m := []*metric{requests, balance}[rng.IntN(2)]
				v := rng.Int64N(1000)
				b := batchOf(t, l, now, m, v)
				served1[g] += v
				b.Add(served.target(uint64(g)), cumulative(opened, now, served1[g]), served)
				page, works := l.Take(b, now, false), rng.IntN(3) > 0
				if page != nil {
					if works {
						r.read(t, page)
					}
					l.Settle(page, works)
				} else if works {
					l.Deposit(b)
				}
				if works {
					accepted[g][m.name] += v
				}
				if rng.IntN(100) == 0 {
					l.Expire(opened)
				}
			}
		})
	}
	race.Wait()
	if page := l.Take(nil, 9999, true); page != nil {
		r.read(t, page)
		l.Settle(page, true)
	}
	total := int64(0)
	for _, v := range served1 {
		total += v
	}
	if r.totals[served.name] != total {
		t.Errorf("total is %d, want %d", r.totals[served.name], total)
	}
	for _, m := range []*metric{requests, balance} {
		want := int64(0)
		for _, of := range accepted {
			want += of[m.name]
		}
		if r.sums[m.name] != want {
			t.Errorf("%s: %d arrived, %d were accepted", m.name, r.sums[m.name], want)
		}
	}
}

// FuzzConservation reads a schedule from the input: fold, deposit, write, fail.
func FuzzConservation(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 200, 100, 50, 25})
	f.Fuzz(func(t *testing.T, in []byte) {
		l := New(Limits{Streams: 9, StreamsPerGroup: 9, Sources: 9, FlushInterval: time.Duration(len(in) % 5)}, opened)
		r := newReader()
		want, count := map[string]int64{}, int64(0)
		now := opened
		var pen *Page
		for _, b := range in {
			now += pcommon.Timestamp(b % 3)
			m, v := []*metric{requests, balance}[b>>7], int64(b)
			switch b % 5 {
			case 0: // a batch that is handed on alone, or deposited
				batch := batchOf(t, l, now, m, v, v)
				if page := l.Take(batch, now, false); page != nil {
					r.read(t, page)
					l.Settle(page, true)
				} else {
					l.Deposit(batch)
				}
				want[m.name] += 2 * v
			case 1: // somebody takes the pen and does not come back yet
				if pen == nil {
					pen = l.Take(nil, now, false)
				}
			case 2: // and comes back with success or without
				if pen != nil {
					works := b&64 > 0
					if works {
						r.read(t, pen)
					}
					l.Settle(pen, works)
					pen = nil
				}
			case 3: // a batch that fails
				if page := l.Take(batchOf(t, l, now, m, v), now, false); page != nil {
					l.Settle(page, false)
				}
			case 4: // a counter that counts from the beginning
				count += v
				add(l, now, served, 1, cumulative(opened, now+1, count))
				now++
			}
		}
		if pen != nil {
			l.Settle(pen, false)
		}
		for page := l.Take(nil, now, true); page != nil; page = l.Take(nil, now, true) {
			r.read(t, page)
			l.Settle(page, true)
		}
		for name, sum := range want {
			if r.sums[name] != sum {
				t.Fatalf("%s: %d arrived, want %d", name, r.sums[name], sum)
			}
		}
		if r.totals[served.name] != count {
			t.Fatalf("total is %d, want %d", r.totals[served.name], count)
		}
	})
}

// Counts that together leave 64 bits are lost, and said to be.
func TestCountsThatDoNotAddUpAreLost(t *testing.T) {
	l := limited(9)
	latency := &metric{key: 9, group: 9, name: "latency", form: fold.Form{Type: pmetric.MetricTypeHistogram}}
	half := pmetric.NewHistogramDataPoint()
	half.SetCount(math.MaxUint64/2 + 1)
	half.BucketCounts().FromRaw([]uint64{half.Count()})
	for range 2 {
		b := l.NewBatch(1500)
		if r := b.Add(latency.target(0), fold.HistogramPoint(half), latency); r != Folded {
			t.Fatalf("Add: %s", r)
		}
		l.Deposit(b)
	}
	if got := l.Lost(); got != 1 || l.Lost() != 0 {
		t.Errorf("%d points lost, want 1", got)
	}
	if got := l.Usage().Held; got != 1 {
		t.Errorf("%d points held, want 1", got)
	}
}

// T18: an attribute that was folded away does not live on in exemplars.
func TestT18ExemplarsLoseWhatWasFolded(t *testing.T) {
	l := limited(9)
	p := pmetric.NewNumberDataPoint()
	p.SetIntValue(1)
	e := p.Exemplars().AppendEmpty()
	e.SetTraceID([16]byte{1})
	e.FilteredAttributes().PutStr("user.id", "u1")
	e.FilteredAttributes().PutStr("host", "h")
	b := l.NewBatch(1500)
	if r := b.Add(requests.target(0), fold.NumberPoint(p), requests); r != Folded {
		t.Fatalf("Add: %s", r)
	}
	for _, s := range l.streams {
		s.Folded = "user.id"
	}
	page := l.Take(b, 1500, true)
	got := written(&page.Lines[0]).Exemplars()
	if got.Len() != 1 || got.At(0).TraceID() != [16]byte{1} {
		t.Fatalf("%d exemplars, want the one with its trace", got.Len())
	}
	if raw := got.At(0).FilteredAttributes().AsRaw(); len(raw) != 1 || raw["host"] != "h" {
		t.Errorf("filtered attributes are %v, want the host alone", raw)
	}
}
