// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package rank

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var (
	start = time.Unix(1_700_000_000, 0)
	of    = Metric{1, 2}
)

// market is a metric with places, of which a limiter with a Board decides who has them.
type market struct {
	board  *Board
	places int
	has    map[uint64]bool
	now    time.Time
	swaps  int
}

func newMarket(places int) *market {
	return &market{board: New(10, time.Minute), places: places, has: map[uint64]bool{}, now: start}
}

// point lets a series weigh in.
func (m *market) point(series uint64, weight float64) {
	if m.has[series] {
		m.board.Known(of, series, weight, m.now)
		return
	}
	if len(m.has) < m.places {
		m.has[series] = true
		return
	}
	if lighter, ok := m.board.Refused(of, m.places, series, weight, m.now); ok {
		delete(m.has, lighter)
		m.has[series] = true
		m.swaps++
	}
}

// window plays one window in which each series has the weight that it is given.
func (m *market) window(weights map[uint64]float64) {
	for range 6 {
		for series, weight := range weights {
			m.point(series, weight)
		}
		m.now = m.now.Add(10 * time.Second)
	}
}

func TestHeavySeriesTakeThePlacesOfLightOnes(t *testing.T) {
	m := newMarket(10)
	weights := map[uint64]float64{}
	for i := range uint64(10) { // these came first
		m.point(i, 1)
		weights[i] = 1
	}
	for i := uint64(10); i < 15; i++ {
		weights[i] = 100
	}
	for range 2 {
		m.window(weights)
	}
	if m.swaps != 0 {
		t.Errorf("%d places changed hands before two windows had passed", m.swaps)
	}
	for i := range 10 {
		m.window(weights)
		if m.swaps > i+1 {
			t.Errorf("%d places of ten changed hands in %d windows, want at most one in each", m.swaps, i+1)
		}
	}
	for i := uint64(10); i < 15; i++ {
		if !m.has[i] {
			t.Errorf("heavy series %d has no place", i)
		}
	}
	before := m.swaps
	for range 20 {
		m.window(weights)
	}
	if m.swaps != before || len(m.has) != 10 {
		t.Errorf("%d places changed hands after all was settled, %d are taken", m.swaps-before, len(m.has))
	}
}

// Series of about the same weight keep what they have, however it fluctuates.
func TestNoise(t *testing.T) {
	m, rng := newMarket(20), rand.New(rand.NewPCG(1, 1))
	for range 200 {
		weights := map[uint64]float64{}
		for i := range uint64(60) {
			weights[i] = 80 + 40*rng.Float64()
		}
		m.window(weights)
	}
	if m.swaps > 0 {
		t.Errorf("%d places changed hands for noise", m.swaps)
	}
}

// One burst is not enough.
func TestABurstDoesNotTakeAPlace(t *testing.T) {
	m := newMarket(10)
	for i := range 60 {
		weights := map[uint64]float64{}
		for s := range uint64(10) {
			weights[s] = 10
		}
		if i%8 == 0 {
			weights[99] = 14
		}
		m.window(weights)
	}
	if m.has[99] {
		t.Error("a series that is heavy now and then took a place")
	}
}

// A heavy series is found among any number of light ones, which come before it in each window
// and are never seen again.
func TestAHeavySeriesIsFoundAmongManyThatComeOnce(t *testing.T) {
	const places = 10
	m := newMarket(places)
	for i := range uint64(places) {
		m.point(i, 1)
	}
	once := uint64(1000)
	for range 10 {
		for range 6 {
			for i := range uint64(places) {
				m.point(i, 1)
			}
			for range 200 {
				m.point(once, 1)
				once++
			}
			m.point(99, 300)
			m.now = m.now.Add(10 * time.Second)
		}
	}
	if !m.has[99] {
		t.Error("it is not")
	}
	if m.swaps > 2 {
		t.Errorf("%d places changed hands, want those for one heavy series", m.swaps)
	}
}

// A series whose place went otherwise, or that did not get the one it was promised, contends
// again.
func TestASeriesThatLostItsPlaceContends(t *testing.T) {
	m := newMarket(2)
	m.point(1, 10)
	m.point(2, 10)
	weights := map[uint64]float64{1: 10, 2: 10, 3: 100}
	for range 4 {
		m.window(weights)
	}
	if !m.has[3] {
		t.Fatal("the heavy one has no place")
	}
	delete(m.has, 3) // it expired, and another one came
	m.has[4] = true
	for range 4 {
		m.window(map[uint64]float64{1: 10, 2: 10, 3: 100, 4: 10})
	}
	if !m.has[3] {
		t.Error("it has none the second time")
	}
}

// What a weight cannot be must not count for ever.
func TestWeightsThatAreNone(t *testing.T) {
	m := newMarket(2)
	weights := map[uint64]float64{1: 10, 2: 10, 3: math.Inf(1), 4: math.NaN(), 5: -1, 6: 0}
	m.point(1, 10)
	m.point(2, 10)
	for range 10 {
		m.window(weights)
	}
	if !m.has[1] || !m.has[2] {
		t.Errorf("places are of %v, want 1 and 2", m.has)
	}
	for range 3 {
		m.window(map[uint64]float64{1: math.Inf(1), 2: 10, 7: 100})
	}
	if !m.has[7] {
		t.Error("one infinite point keeps a place for ever")
	}
}

// Of all that is known of a metric, there is a bound.
func TestMemoryIsBounded(t *testing.T) {
	b := New(2, time.Minute)
	for i := range uint64(1_000_000) {
		b.Refused(Metric{1, i % 3}, 100, i, 1, start.Add(time.Duration(i)*time.Millisecond))
	}
	if len(b.ranking) != 2 {
		t.Errorf("%d metrics are ranked, want 2", len(b.ranking))
	}
	for _, r := range b.ranking {
		if n := len(r.placed) + len(r.contenders.Heaviest(1_000_000)); n > (1+contenders)*100 {
			t.Errorf("%d series are weighed, want at most %d", n, (1+contenders)*100)
		}
	}
	b.Expire(start.Add(2 * time.Hour))
	if len(b.ranking) != 0 {
		t.Error("idle metrics are not forgotten")
	}
}

func TestMetricsOfWhichNothingWasRefusedAreNotRanked(t *testing.T) {
	b := New(2, time.Minute)
	b.Known(of, 1, 1, start)
	if len(b.ranking) != 0 {
		t.Error("it is")
	}
}

func TestConcurrentSafe(t *testing.T) {
	b := New(4, time.Millisecond)
	var race sync.WaitGroup
	for g := range uint64(8) {
		race.Go(func() {
			for i := range uint64(5000) {
				at := start.Add(time.Duration(i) * 10 * time.Microsecond)
				b.Known(Metric{1, i % 6}, i%50, 1, at)
				b.Refused(Metric{1, i % 6}, 20, 100+g*10+i%30, 3, at)
				if i%500 == 0 {
					b.Expire(at.Add(-time.Millisecond))
				}
			}
		})
	}
	race.Wait()
}

func BenchmarkKnown(b *testing.B) {
	board := New(1, time.Minute)
	for i := range uint64(1000) {
		board.Refused(of, 1000, i, 1, start)
	}
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		board.Known(of, i%1000, 1, start)
		i++
	}
}
