// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package rank decides whose place a series may take that was refused one: that of a
// series which has been much lighter for some time. It knows, within bounded memory, how
// much each series of a metric weighed of late, whether it has a place or not.
//
// It is slow to change its mind on purpose. A series must be heavier by half in two
// windows in a row, and at most a tenth of the places of a metric change hands in one
// window: places that change hands all the time would be worth nothing.
//
// It knows no clock: callers pass the time.
package rank

import (
	"cmp"
	"slices"
	"sync"
	"time"
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
	// counted is how many series are weighed, as a multiple of how many may have a place.
	counted = 4
	// negligible is a weight that has as good as decayed.
	negligible = 1e-6
	// maxCounted bounds it, at about 80 bytes each.
	maxCounted = 50_000
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
	r := &ranking{window: b.window, places: places, end: now.Add(b.window), all: map[uint64]*series{}}
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

	mu      sync.Mutex
	end     time.Time // of the window
	refused time.Time // when something was refused last
	all     map[uint64]*series
	takes   map[uint64]uint64 // who may take whose place in this window
}

// series is what is known of one.
type series struct {
	fingerprint uint64
	weight      float64 // of the windows before, decayed
	now         float64 // of this one
	placed      bool
	heavier     int // for how many windows in a row it was heavy enough to take a place
}

func (r *ranking) idle(before time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused.Before(before)
}

func (r *ranking) weigh(fingerprint uint64, weight float64, placed bool, now time.Time) (lighter uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !now.Before(r.end) {
		r.turn()
		r.end = now.Add(r.window)
	}
	if !placed {
		r.refused = now
	}
	s := r.all[fingerprint]
	if s == nil {
		if len(r.all) >= min(counted*r.places, maxCounted) {
			return 0, false // there will be room when the window ends
		}
		s = &series{fingerprint: fingerprint}
		r.all[fingerprint] = s
	}
	s.now += weight
	s.placed = placed
	if placed {
		return 0, false
	}
	if lighter, ok = r.takes[fingerprint]; ok {
		delete(r.takes, fingerprint)
		s.placed, s.heavier = true, 0
		if l := r.all[lighter]; l != nil {
			l.placed = false
		}
	}
	return lighter, ok
}

// turn ends a window: it decides who may take whose place in the next one, and makes room
// for series that were not seen yet.
func (r *ranking) turn() {
	ranked := make([]*series, 0, len(r.all))
	for _, s := range r.all {
		s.weight = s.weight*memory + s.now
		s.now = 0
		ranked = append(ranked, s)
	}
	slices.SortFunc(ranked, func(a, b *series) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.fingerprint, b.fingerprint))
	})
	r.match(ranked)
	r.prune(ranked)
}

// prune makes room for series that were not seen yet: of those without a place, the heavier
// ones stay. Of those with a place, what did not weigh anything for long goes.
func (r *ranking) prune(ranked []*series) {
	unplaced := 0
	for _, s := range ranked {
		if !s.placed {
			unplaced++
		}
		if !s.placed && unplaced > r.places || s.weight < negligible {
			delete(r.all, s.fingerprint)
		}
	}
}

// match pairs the heaviest series without a place with the lightest that have one.
func (r *ranking) match(ranked []*series) {
	r.takes = map[uint64]uint64{}
	most := max(int(churn*float64(r.places)), 1)
	light := len(ranked)
	for _, s := range ranked {
		if s.placed {
			continue
		}
		for light--; light >= 0 && !ranked[light].placed; light-- {
		}
		if light < 0 || s.weight < advantage*ranked[light].weight || s.weight == 0 {
			s.heavier = 0
			light = 0 // nobody after this one is heavier
			continue
		}
		s.heavier++
		if s.heavier >= patience && len(r.takes) < most {
			r.takes[s.fingerprint] = ranked[light].fingerprint
		}
	}
}
