// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package rank decides whose place a series may take that was refused one: that of a
// series which has been much lighter for some time. It knows, within bounded memory, how
// much the series of a metric that have a place weighed of late, and which of those without
// one are the heaviest, however many there are: these are counted by Space-Saving, with what
// is certain of their weight.
//
// It is slow to change its mind on purpose. A series must be heavier by half in two
// windows in a row, and at most a tenth of the places of a metric change hands in one
// window: places that change hands all the time would be worth nothing.
//
// It knows no clock: callers pass the time.
package rank

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/spacesaving"
)

const (
	// advantage is how much heavier a series must be than the one whose place it takes.
	advantage = 1.5
	// patience is for how many windows in a row it must be so.
	patience = 2
	// churn is the part of a metric's places that may change hands in one window.
	churn = 0.1
	// memory is how much of its weight a series keeps from one window to the next.
	memory = 0.5
	// contenders is how many series without a place have a counter, as a multiple of how
	// many may have a place.
	contenders = 3
	// maxContenders and maxPlaced bound what is known of a metric, at about 80 bytes each.
	maxContenders = 20_000
	maxPlaced     = 30_000
	// negligible is a weight that has as good as decayed.
	negligible = 1e-6
)

// Metric is a metric of a tenant.
type Metric struct{ Tenant, Metric uint64 }

// Board ranks the series of metrics. It may be used by many goroutines at once.
type Board struct {
	max    int
	window time.Duration

	mu      sync.RWMutex
	ranking map[Metric]*ranking
}

// New returns a Board for at most so many metrics. Those beyond are not ranked: their first
// series keep their places.
func New(metrics int, window time.Duration) *Board {
	return &Board{max: metrics, window: window, ranking: map[Metric]*ranking{}}
}

// Known weighs a point of a series that has a place. It does nothing for a metric of which
// nothing was refused yet.
func (b *Board) Known(of Metric, series uint64, weight float64, now time.Time) {
	b.mu.RLock()
	r := b.ranking[of]
	b.mu.RUnlock()
	if r != nil {
		r.weigh(series, weight, true, now)
	}
}

// Refused weighs a point of a series that has no place, of a metric of which so many may
// have one. It returns the series whose place it may take, if there is one; the caller
// sees to it that it does.
func (b *Board) Refused(of Metric, places int, series uint64, weight float64, now time.Time) (lighter uint64, ok bool) {
	b.mu.RLock()
	r := b.ranking[of]
	b.mu.RUnlock()
	if r == nil {
		if r = b.open(of, places, now); r == nil {
			return 0, false
		}
	}
	return r.weigh(series, weight, false, now)
}

func (b *Board) open(of Metric, places int, now time.Time) *ranking {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.ranking[of]; r != nil {
		return r
	}
	if len(b.ranking) >= b.max {
		return nil
	}
	r := &ranking{
		window: b.window, places: places, end: now.Add(b.window), placed: map[uint64]*series{},
		contenders: spacesaving.New(min(contenders*places, maxContenders), nil),
	}
	b.ranking[of] = r
	return r
}

// Expire forgets metrics of which nothing was refused since a moment.
func (b *Board) Expire(before time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for of, r := range b.ranking {
		if r.idle(before) {
			delete(b.ranking, of)
		}
	}
}

// ranking is what is known of one metric.
type ranking struct {
	window time.Duration
	places int

	mu         sync.Mutex
	end        time.Time // of the window
	refused    time.Time // when something was refused last
	placed     map[uint64]*series
	contenders *spacesaving.Top
	heavier    map[uint64]int   // for how many windows in a row a contender was heavy enough
	takes      map[uint64]trade // what contenders may do in this window
}

// series is what is known of one that has a place.
type series struct {
	weight float64 // of the windows before, decayed
	now    float64 // of this one
}

// trade is whose place a contender may take, and what the contender weighs.
type trade struct {
	lighter uint64
	weight  float64
}

// heavy is a series and its weight.
type heavy struct {
	fingerprint uint64
	weight      float64
}

func (r *ranking) idle(before time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused.Before(before)
}

func (r *ranking) weigh(fingerprint uint64, weight float64, placed bool, now time.Time) (lighter uint64, ok bool) {
	if !(weight > 0) || math.IsInf(weight, 0) {
		weight = 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !now.Before(r.end) {
		r.turn()
		r.end = now.Add(r.window)
	}
	if placed {
		r.settled(fingerprint, weight)
		return 0, false
	}
	r.refused = now
	delete(r.placed, fingerprint) // it may have lost its place otherwise
	if weight > 0 {
		r.contenders.Add(fingerprint, "", weight)
	}
	t, ok := r.takes[fingerprint]
	if !ok {
		return 0, false
	}
	delete(r.takes, fingerprint)
	delete(r.placed, t.lighter)
	r.settled(fingerprint, t.weight)
	return t.lighter, true
}

// settled weighs a series that has a place.
func (r *ranking) settled(fingerprint uint64, weight float64) {
	s := r.placed[fingerprint]
	if s == nil {
		if len(r.placed) >= min(r.places, maxPlaced) {
			return // there will be room when another was silent for long
		}
		s = &series{}
		r.placed[fingerprint] = s
	}
	s.now += weight
}

// turn ends a window: it decides who may take whose place in the next one.
func (r *ranking) turn() {
	r.match(r.lightest(), r.heaviest())
	r.contenders.Scale(memory)
}

// lightest ends the window of those that have a place, and returns them, the lightest first.
// It forgets what did not weigh anything for long.
func (r *ranking) lightest() []heavy {
	placed := make([]heavy, 0, len(r.placed))
	for fingerprint, s := range r.placed {
		s.weight, s.now = s.weight*memory+s.now, 0
		placed = append(placed, heavy{fingerprint, s.weight})
		if s.weight < negligible {
			delete(r.placed, fingerprint)
		}
	}
	slices.SortFunc(placed, func(a, b heavy) int {
		return cmp.Or(cmp.Compare(a.weight, b.weight), cmp.Compare(a.fingerprint, b.fingerprint))
	})
	return placed
}

// heaviest returns the contenders by what they weigh at least, the heaviest first.
func (r *ranking) heaviest() []heavy {
	var all []heavy
	for _, c := range r.contenders.Heaviest(maxContenders) {
		if _, placed := r.placed[c.Hash]; !placed && c.Count-c.Excess > negligible {
			all = append(all, heavy{c.Hash, c.Count - c.Excess})
		}
	}
	slices.SortFunc(all, func(a, b heavy) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.fingerprint, b.fingerprint))
	})
	return all
}

// match pairs the heaviest series without a place with the lightest that have one.
func (r *ranking) match(placed, contenders []heavy) {
	before := r.heavier
	r.takes, r.heavier = map[uint64]trade{}, map[uint64]int{}
	most := max(int(churn*float64(r.places)), 1)
	for i, c := range contenders {
		if i == len(placed) || c.weight < advantage*placed[i].weight {
			return // nor is anyone after this one heavier
		}
		n := before[c.fingerprint] + 1
		r.heavier[c.fingerprint] = n
		if n >= patience && len(r.takes) < most {
			r.takes[c.fingerprint] = trade{placed[i].fingerprint, c.weight}
		}
	}
}
