// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var start = time.Unix(1_700_000_000, 0)

func at(t *Table, after time.Duration) Tick { return t.Tick(start.Add(after)) }

func TestVerdicts(t *testing.T) {
	table := New(Limits{SeriesPerMetric: 2, Series: 4, Metrics: 3, TTL: time.Hour}, start)
	steps := []struct {
		does           string
		metric, series uint64
		want           Verdict
	}{
		{"the first series is added", 1, 11, Added},
		{"and known from then on", 1, 11, Known},
		{"the second has room", 1, 12, Added},
		{"the third has not", 1, 13, MetricFull},
		{"also not when it comes again", 1, 13, MetricFull},
		{"known ones are not touched by that", 1, 12, Known},
		{"another metric has its own room", 2, 21, Added},
		{"until the table is full", 2, 22, Added},
		{"then a metric with room has none either", 3, 31, TableFull},
		{"and a metric without an entry gets none", 4, 41, MetricLimit},
		{"the fingerprint zero is like any other", 1, 0, MetricFull},
	}
	for _, s := range steps {
		if got := table.Admit(s.metric, s.series, 0); got != s.want {
			t.Errorf("%s: Admit(%d, %d) = %d, want %d", s.does, s.metric, s.series, got, s.want)
		}
	}
	if got, want := table.Usage(), (Usage{Series: 4, Metrics: 3, MetricsFull: 2}); got != want {
		t.Errorf("Usage() = %+v, want %+v", got, want)
	}
}

func TestZeroFingerprint(t *testing.T) {
	table := New(Limits{SeriesPerMetric: 2, Series: 4, Metrics: 3, TTL: time.Hour}, start)
	if got := table.Admit(0, 0, 0); got != Added {
		t.Errorf("first: %d, want Added", got)
	}
	if got := table.Admit(0, 0, 0); got != Known {
		t.Errorf("second: %d, want Known", got)
	}
}

func TestPeekRemembersNothing(t *testing.T) {
	table := New(Limits{SeriesPerMetric: 1, Series: 2, Metrics: 2, TTL: time.Hour}, start)
	expect := func(metric, series uint64, want Verdict) {
		t.Helper()
		if got := table.Peek(metric, series); got != want {
			t.Errorf("Peek(%d, %d) = %d, want %d", metric, series, got, want)
		}
	}
	expect(1, 11, Added)
	expect(1, 11, Added)
	table.Admit(1, 11, 0)
	expect(1, 11, Known)
	expect(1, 12, MetricFull)
	expect(2, 21, Added)
	table.Admit(2, 21, 0)
	expect(3, 31, MetricLimit)
	if got := table.Usage().Series; got != 2 {
		t.Errorf("%d series tracked, want 2", got)
	}
}

func TestSilentSeriesExpire(t *testing.T) {
	table := New(Limits{SeriesPerMetric: 2, Series: 2, Metrics: 1, TTL: 20 * time.Minute}, start)
	table.Admit(1, 11, at(table, 0))
	table.Admit(1, 12, at(table, 0))
	table.Admit(1, 12, at(table, 15*time.Minute))

	if n, looked := table.Expire(at(table, 20*time.Minute)); n != 0 || !looked {
		t.Errorf("Expire at the very end = %d, %v, want 0, true", n, looked)
	}
	if n, looked := table.Expire(at(table, 20*time.Minute+time.Second)); n != 0 || looked {
		t.Errorf("Expire a second later = %d, %v, want 0, false", n, looked)
	}
	if n, _ := table.Expire(at(table, 21*time.Minute)); n != 1 {
		t.Errorf("Expire after the time to live = %d, want 1", n)
	}
	if got := table.Admit(1, 12, at(table, 21*time.Minute)); got != Known {
		t.Errorf("a series with points = %d, want Known", got)
	}
	if got := table.Admit(1, 13, at(table, 21*time.Minute)); got != Added {
		t.Errorf("a new series in the free place = %d, want Added", got)
	}
	if got := table.Admit(1, 11, at(table, 21*time.Minute)); got != MetricFull {
		t.Errorf("the expired series = %d, want MetricFull", got)
	}
}

func TestMetricsExpireWithTheirLastSeries(t *testing.T) {
	table := New(Limits{SeriesPerMetric: 1, Series: 9, Metrics: 1, TTL: time.Minute}, start)
	for generation := range uint64(3) {
		now := at(table, time.Duration(generation)*time.Hour)
		table.Expire(now)
		if got := table.Admit(generation, generation, now); got != Added {
			t.Errorf("generation %d: %d, want Added", generation, got)
		}
		if !table.Announce(generation) || table.Announce(generation) {
			t.Errorf("generation %d is not announced exactly once", generation)
		}
	}
	if got := len(table.metrics); got != 1 {
		t.Errorf("%d entries for metrics, want 1: places are not used again", got)
	}
	if table.Announce(99) {
		t.Error("a metric that nobody knows is announced")
	}
}

func TestMemoryOfExpiredSeriesIsFreed(t *testing.T) {
	table := New(Limits{SeriesPerMetric: 1e5, Series: 1e5, Metrics: 1, TTL: time.Minute}, start)
	for range 100_000 {
		table.Admit(1, rand.Uint64(), 0)
	}
	table.Expire(at(table, time.Hour))
	for i := range table.shards {
		if n := len(table.shards[i].slots); n != 0 {
			t.Fatalf("shard %d keeps %d slots", i, n)
		}
	}
}

func TestClockBeforeStartIsZero(t *testing.T) {
	table := New(Limits{TTL: time.Minute}, start)
	if got := at(table, -time.Hour); got != 0 {
		t.Errorf("Tick = %d, want 0", got)
	}
}

// model is the obvious implementation.
type model struct {
	Limits
	seen map[uint64]map[uint64]Tick
}

func (m *model) admit(metric, series uint64, at Tick) Verdict {
	total := 0
	for _, s := range m.seen {
		total += len(s)
	}
	of := m.seen[metric]
	if _, ok := of[series]; ok {
		of[series] = max(of[series], at)
		return Known
	}
	if of == nil {
		if len(m.seen) >= m.Metrics {
			return MetricLimit
		}
		of = map[uint64]Tick{}
		m.seen[metric] = of
	}
	switch {
	case len(of) >= m.SeriesPerMetric:
		return MetricFull
	case total >= m.Series:
		return TableFull
	}
	of[series] = at
	return Added
}

func (m *model) expire(at Tick) int {
	n := 0
	for metric, of := range m.seen {
		for series, seen := range of {
			if seen < at-sweepsPerTTL {
				delete(of, series)
				n++
			}
		}
		if len(of) == 0 {
			delete(m.seen, metric)
		}
	}
	return n
}

func TestBehavesLikeTheModel(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 0))
		limits := Limits{SeriesPerMetric: 1 + rng.IntN(20), Series: 20 + rng.IntN(60), Metrics: 1 + rng.IntN(6), TTL: time.Minute}
		table, want := New(limits, start), &model{limits, map[uint64]map[uint64]Tick{}}
		var now Tick
		for step := range 4000 {
			if rng.IntN(10) == 0 {
				now += Tick(rng.IntN(8))
				if n, looked := table.Expire(now); looked {
					if m := want.expire(now); n != m {
						t.Fatalf("seed %d step %d: Expire = %d, want %d", seed, step, n, m)
					}
				}
			}
			metric := rng.Uint64N(8)
			series := (metric<<40 | rng.Uint64N(40)) * 0x9e3779b97f4a7c15
			if got, verdict := table.Admit(metric, series, now), want.admit(metric, occupied(series), now); got != verdict {
				t.Fatalf("seed %d step %d: Admit(%d, %x) = %d, want %d", seed, step, metric, series, got, verdict)
			}
		}
	}
}

// 64 goroutines race with more series than there is room for, while others expire
// nothing: exactly as many get in as there is room, and all of them stay.
func TestNoOvershootConcurrentSafe(t *testing.T) {
	const goroutines, each, limit = 64, 500, 1000
	table := New(Limits{SeriesPerMetric: limit, Series: 10 * limit, Metrics: 2, TTL: time.Hour}, start)
	var added atomic.Int64
	var race sync.WaitGroup
	admitted := make([][]uint64, goroutines)
	for g := range goroutines {
		race.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(g/2))) // every series comes from two goroutines
			for i := range each {
				series := rng.Uint64()
				switch table.Admit(1, series, Tick(i)) {
				case Added:
					added.Add(1)
					admitted[g] = append(admitted[g], series)
				case Known:
					admitted[g] = append(admitted[g], series)
				default:
				}
				if i%100 == 0 {
					table.Expire(Tick(i % 15))
					table.Usage()
				}
			}
		})
	}
	race.Wait()
	if n := added.Load(); n != limit {
		t.Errorf("%d series were added, limit %d", n, limit)
	}
	if u := table.Usage(); u.Series != limit {
		t.Errorf("%d series are tracked, limit %d", u.Series, limit)
	}
	for _, all := range admitted {
		for _, series := range all {
			if got := table.Admit(1, series, 0); got != Known {
				t.Fatalf("admitted series %x = %d, want Known", series, got)
			}
		}
	}
}

func TestExpiryConcurrentSafe(t *testing.T) {
	table := New(Limits{SeriesPerMetric: 100, Series: 250, Metrics: 3, TTL: time.Minute}, start)
	var clock atomic.Int32
	var race sync.WaitGroup
	for g := range 16 {
		race.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(g)))
			for range 3000 {
				now := Tick(clock.Add(1) / 50)
				table.Expire(now)
				metric := rng.Uint64N(5)
				table.Admit(metric, metric<<60|rng.Uint64N(300), now)
				if u := table.Usage(); u.Series > 250 || u.Metrics > 3 {
					t.Errorf("over the limit: %+v", u)
				}
			}
		})
	}
	race.Wait()
	inSlots := 0
	for i := range table.shards {
		inSlots += table.shards[i].used
	}
	if u := table.Usage(); u.Series != inSlots {
		t.Errorf("Usage says %d series, the shards have %d", u.Series, inSlots)
	}
}

func FuzzNeverOverTheLimits(f *testing.F) {
	f.Add([]byte("some metrics, some series"), uint8(3), uint8(5), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, perMetric, series, metrics uint8) {
		limits := Limits{SeriesPerMetric: 1 + int(perMetric), Series: 1 + int(series), Metrics: 1 + int(metrics), TTL: time.Second}
		table := New(limits, start)
		perMetricSeen := map[uint64]int{}
		for i, b := range in {
			now := Tick(i / 8)
			if n, _ := table.Expire(now); n > 0 {
				clear(perMetricSeen)
			}
			if table.Admit(uint64(b%7), uint64(b), now) == Added {
				perMetricSeen[uint64(b%7)]++
			}
			u := table.Usage()
			if u.Series > limits.Series || u.Metrics > limits.Metrics || perMetricSeen[uint64(b%7)] > limits.SeriesPerMetric {
				t.Fatalf("step %d: %+v with %+v", i, u, limits)
			}
		}
	})
}
