// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

var schedules = flag.Int("schedules", 3000, "number of random schedules that TestEverySchedule plays")

// TestEverySchedule plays random schedules of resets, churn, reorder, duplicates, retries
// and expiry, and compares what comes out with a plain model. What came in is what went out
// under its own name, plus what went out folded, plus what the model says cannot be known;
// exactly.
func TestEverySchedule(t *testing.T) {
	for seed := range uint64(*schedules) {
		s := &schedule{rng: rand.New(rand.NewPCG(seed, 11)), clock: newClock(), seen: map[string]*life{}}
		if err := s.play(t); err != nil {
			t.Fatalf("seed %d, step %d: %v", seed, s.steps, err)
		}
	}
}

// Kinds of metrics in a schedule.
const (
	counts  = "counts" // cumulative and monotonic
	deltas  = "deltas" // of integers
	levels  = "levels" // cumulative, up and down
	sources = 5        // of each
	room    = 2        // series of each
)

// life is what one source is at, and what the model knows of it.
type life struct {
	value     int64
	start, at pcommon.Timestamp
	own       bool // it has a place

	folded bool // the last point of it was folded, and what that said:
	last   int64
	lastAt pcommon.Timestamp
	since  pcommon.Timestamp // its start

	promoted bool // it was folded, and got a place: it is written as what it has beyond that
	base     int64
	from     pcommon.Timestamp
}

// written is a point under its own name.
type written struct {
	value int64
	start pcommon.Timestamp
}

type schedule struct {
	rng   *rand.Rand
	clock *clock
	steps int
	seen  map[string]*life

	floor, released pcommon.Timestamp
	sent, passed    int64 // of deltas
	total, level    int64 // of the overflow series that live now, by the model

	withLevels bool // then nothing expires: a level that is forgotten is written once more
	failed     bool // the last batch

	out struct {
		passed       map[string]written // of the batch in hand
		deltas       int64
		before       int64 // totals of earlier lives of the overflow series
		total, level int64
		start        pcommon.Timestamp // of the total
		end          pcommon.Timestamp // of what was written last, taken or not
		fell         error
		fail         bool
	}
}

func (s *schedule) now() pcommon.Timestamp { return pcommon.NewTimestampFromTime(s.clock.now) }

func (s *schedule) play(t *testing.T) error {
	t.Helper()
	next, err := consumer.NewMetrics(s.consume)
	require.NoError(t, err)
	cfg := limits(room)
	cfg.Action = "fold"
	l, err := newLimiterAt(nopSettings(), cfg, next, s.clock.time)
	require.NoError(t, err)
	s.floor, s.out.start, s.withLevels = s.now(), s.now(), s.rng.IntN(2) == 0
	for range 8 + s.rng.IntN(25) {
		s.steps++
		if err := s.step(l); err != nil {
			return err
		}
	}
	s.out.fail = false
	if err := l.Shutdown(context.Background()); err != nil {
		return err
	}
	return s.compare()
}

func (s *schedule) compare() error {
	switch {
	case s.out.fell != nil:
		return s.out.fell
	case s.out.deltas+s.passed != s.sent:
		return fmt.Errorf("deltas: %d folded and %d passed, of %d", s.out.deltas, s.passed, s.sent)
	case s.out.before+s.out.total != s.total:
		return fmt.Errorf("counts: the total is %d+%d, want %d", s.out.before, s.out.total, s.total)
	case s.out.level != s.level:
		return fmt.Errorf("levels: the level is %d, want %d", s.out.level, s.level)
	}
	return nil
}

// consume reads what comes out.
func (s *schedule) consume(_ context.Context, md pmetric.Metrics) error {
	s.out.passed = map[string]written{}
	if s.out.fail {
		s.read(md, false)
		return errFull
	}
	s.read(md, true)
	return nil
}

func (s *schedule) read(md pmetric.Metrics, taken bool) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
			for _, p := range m.Sum().DataPoints().All() {
				if _, over := p.Attributes().Get("otel.metric.overflow"); over {
					s.out.end = max(s.out.end, p.Timestamp())
					if taken {
						s.readOverflow(m.Name(), p)
					}
					continue
				}
				id, _ := p.Attributes().Get("query.id")
				s.out.passed[fmt.Sprint(m.Name(), id.Int(), p.Timestamp())] = written{p.IntValue(), p.StartTimestamp()}
			}
		}
	}
}

func (s *schedule) readOverflow(name string, p pmetric.NumberDataPoint) {
	switch name {
	case deltas:
		s.out.deltas += p.IntValue()
	case levels:
		s.out.level = p.IntValue()
	case counts:
		switch {
		case p.StartTimestamp() != s.out.start:
			s.out.before += s.out.total
		case p.IntValue() < s.out.total:
			s.out.fell = fmt.Errorf("counts: the total fell from %d to %d", s.out.total, p.IntValue())
		}
		s.out.start, s.out.total = p.StartTimestamp(), p.IntValue()
	}
}

// step moves the clock, and sends a batch until it is taken, or gives up.
func (s *schedule) step(l *limiter) error {
	if !s.withLevels && !s.failed && s.rng.IntN(12) == 0 {
		s.forgetAll()
	}
	s.clock.advance(time.Second)
	name := []string{counts, deltas}[s.rng.IntN(2)]
	if s.withLevels && s.rng.IntN(3) == 0 {
		name = levels
	}
	batch := s.batch(name)
	for {
		md := pmetric.NewMetrics()
		batch.CopyTo(md)
		s.out.fail = s.rng.IntN(5) == 0
		s.out.passed = nil
		err := l.ConsumeMetrics(context.Background(), md)
		if err != nil && !s.out.fail {
			return err
		}
		// Nothing to hand on is nothing that can fail: the batch is taken.
		s.failed = err != nil
		s.judge(name, batch, err == nil)
		if err == nil {
			return nil
		}
		if s.rng.IntN(3) == 0 {
			return nil // its sender gave up
		}
		s.clock.advance(time.Second)
	}
}

// forgetAll lets more than the TTL pass, so that everything expires.
func (s *schedule) forgetAll() {
	s.clock.advance(10 * time.Minute)
	for _, l := range s.seen {
		l.own, l.folded, l.promoted = false, false, false
	}
	s.floor = max(s.floor, s.out.end)
}

// batch returns points of different sources of one metric.
func (s *schedule) batch(name string) pmetric.Metrics {
	md := counter(name)
	sum := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum()
	sum.SetIsMonotonic(name != levels)
	if name != deltas {
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	}
	for _, id := range s.rng.Perm(sources)[:1+s.rng.IntN(3)] {
		p := sum.DataPoints().AppendEmpty()
		p.Attributes().PutInt("query.id", int64(id))
		s.fill(name, s.life(name, id), p)
	}
	return md
}

func (s *schedule) life(name string, id int) *life {
	key := fmt.Sprint(name, id)
	if s.seen[key] == nil {
		s.seen[key] = &life{start: s.now() - pcommon.Timestamp(s.rng.Int64N(int64(3*time.Minute)))}
	}
	return s.seen[key]
}

// fill lets a source go on, begin anew, come late, repeat itself or end.
func (s *schedule) fill(name string, l *life, p pmetric.NumberDataPoint) {
	at := s.now()
	switch s.rng.IntN(10) {
	case 0: // begins anew
		l.start, l.value = at-pcommon.Timestamp(time.Second/2), 0
	case 1: // says the same again, or something older
		if l.at != 0 && name != deltas {
			at = l.at - pcommon.Timestamp(s.rng.IntN(2))
		}
	case 2:
		p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		p.SetStartTimestamp(l.start)
		p.SetTimestamp(at)
		return
	}
	change := s.rng.Int64N(1000)
	switch {
	case name == deltas:
		p.SetIntValue(change)
	case at < l.at:
		p.SetIntValue(max(l.value-1, 0))
	default:
		if at > l.at {
			l.value += change
			if name == levels {
				l.value -= 500
			}
		}
		l.at = at
		p.SetIntValue(l.value)
	}
	p.SetStartTimestamp(l.start)
	p.SetTimestamp(at)
}

// judge lets the model see what became of each point of a batch.
func (s *schedule) judge(name string, batch pmetric.Metrics, taken bool) {
	for _, p := range numbers(batch).All() {
		id, _ := p.Attributes().Get("query.id")
		l := s.life(name, int(id.Int()))
		got, passed := s.out.passed[fmt.Sprint(name, id.Int(), p.Timestamp())]
		switch {
		case p.Flags().NoRecordedValue():
			s.end(name, l)
		case name == deltas:
			if taken {
				s.sent += p.IntValue()
				if passed {
					s.passed += p.IntValue()
				}
			}
			l.own = passed
		case passed:
			s.pass(name, l, p, got)
		case name == counts && l.promoted && (p.Timestamp() < l.from || p.Timestamp() < l.lastAt && p.IntValue() < l.base):
			// From before it was promoted, or late and less than was folded: out of order.
		default:
			s.fold(name, l, p)
		}
	}
}

// pass checks what was written of a point under its own name.
func (s *schedule) pass(name string, l *life, p pmetric.NumberDataPoint, got written) {
	value, start, at := p.IntValue(), p.StartTimestamp(), p.Timestamp()
	if start >= at {
		start = 0
	}
	want := written{value, p.StartTimestamp()}
	if name == counts {
		anew := l.since != 0 && start > l.since && start >= l.lastAt || value < l.last && at > l.lastAt
		switch {
		case l.folded && (start == 0 || start < l.lastAt):
			l.promoted, l.base, l.from = true, l.last, l.lastAt
		case l.promoted && anew:
			l.promoted = false
		}
		if l.promoted && anew {
			l.promoted = false
		}
		if l.promoted {
			want = written{value - l.base, l.from}
			if at >= l.lastAt {
				l.last, l.lastAt = value, at
			}
			if start != 0 {
				l.since = start
			}
		}
	}
	if got != want && s.out.fell == nil {
		s.out.fell = fmt.Errorf("%s: %d since %d was written, want %d since %d", name, got.value, got.start, want.value, want.start)
	}
	s.leaveFold(name, l)
	l.own = true
}

// end is what the end of a source does.
func (s *schedule) end(name string, l *life) {
	switch {
	case l.folded:
		s.leaveFold(name, l)
	case l.own:
		l.own, l.promoted = false, false
		if name != deltas { // which have no past
			s.released = s.now()
		}
	}
}

func (s *schedule) leaveFold(name string, l *life) {
	if l.folded && name == levels {
		s.level -= l.last
	}
	l.folded = false
}

// fold is the definition of what a folded point adds.
func (s *schedule) fold(name string, l *life, p pmetric.NumberDataPoint) {
	value, start, at := p.IntValue(), p.StartTimestamp(), p.Timestamp()
	if start >= at {
		start = 0
	}
	known := pcommon.Timestamp(0)
	if l.folded {
		known = l.since
	}
	switch {
	case l.folded && at < l.lastAt:
		return
	case name == levels:
		s.level += value
		if l.folded {
			s.level -= l.last
		}
	case !l.folded:
		if start != 0 && start >= max(s.floor, s.released, s.now()-pcommon.Timestamp(time.Minute)) {
			s.total += value
		}
	case known != 0 && start > known && start >= l.lastAt, value < l.last:
		s.total += value
	default:
		s.total += value - l.last
	}
	l.folded, l.promoted, l.last, l.lastAt = true, false, value, at
	if start != 0 {
		l.since = start
	}
}
