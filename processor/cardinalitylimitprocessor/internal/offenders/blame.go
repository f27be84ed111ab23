// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import "slices"

// Blame says what makes a metric explode, and so what to fold.
type Blame uint8

const (
	// Unknown means that too few series were seen to tell: less than 32, or no more than
	// there is room for and nothing that makes them fewer.
	Unknown Blame = iota
	// Resource means that the series are few enough without their resources.
	Resource
	// Key means that they are few enough without one attribute key and their resources.
	Key
	// Nothing means that no single cause explains it: everything has to be folded.
	Nothing
)

func (b Blame) String() string {
	switch b {
	case Resource:
		return "resource"
	case Key:
		return "key"
	case Nothing:
		return "nothing"
	default:
		return "unknown"
	}
}

// minBlamed is how many distinct series must have been seen before anything is blamed.
const minBlamed = 32

// verdict is the last one, with the numbers it rests on. Estimates of a dense sketch
// take a microsecond, so they are only taken again when enough is new.
type verdict struct {
	blame Blame
	key   string // if blame is Key

	stale bool
	news  int // changes since the numbers were taken
	seen  int
	sums  int
	rests [maxKeys]int // for each key, what remains without it
}

func (v *verdict) turn() { v.stale = true }

// Blame says what to fold so that at most room series remain of those that were refused
// or admitted late. A protected key is never blamed. The verdict is sticky: it changes
// only if it no longer fits the room, or if another leaves half as many series. It takes
// a lock and O(keys).
func (b *Board) Blame(c *Case, room int, protected []string) (key string, verdict Blame) {
	r := b.find(c)
	if r == nil {
		return "", Unknown
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.measure()
	r.judge(room, protected)
	return r.sight.key, r.sight.blame
}

// measure takes the numbers again if the series seen have grown by a sixteenth. A dense
// sketch changes about 64 times while that happens.
func (r *record) measure() {
	v := &r.sight
	if !v.stale && v.news <= min(v.seen/16, 64) {
		return
	}
	v.stale, v.news = false, 0
	v.seen, v.sums = r.seen.size(), r.sums.size()
	for i, k := range r.keys {
		v.rests[i] = k.rest.size()
	}
}

// judge keeps the verdict or finds another.
func (r *record) judge(room int, protected []string) {
	v := &r.sight
	if v.seen < minBlamed {
		v.blame, v.key = Unknown, ""
		return
	}
	best := r.best(protected)
	switch v.blame {
	case Unknown:
		r.choose(room, best)
	case Resource:
		if v.sums > room {
			r.choose(room, best)
		}
	case Key:
		i, known := r.byName[v.key]
		switch {
		case !known || v.rests[i] > room || slices.Contains(protected, v.key):
			r.choose(room, best)
		case best >= 0 && 2*v.rests[best] <= v.rests[i] || v.saves(v.sums) && 2*v.sums <= room:
			r.choose(room, best)
		}
	case Nothing:
		r.choose(room-room/8, best) // clearly fits: three standard errors are 10 %
	}
}

// choose finds the mildest verdict that leaves at most room series. Best is the position
// of the key without which fewest remain.
func (r *record) choose(room, best int) {
	v := &r.sight
	v.key = ""
	switch {
	case v.saves(v.sums) && v.sums <= room:
		v.blame = Resource
	case best >= 0 && v.saves(v.rests[best]) && v.rests[best] <= room:
		v.blame, v.key = Key, r.keys[best].name
	case v.seen <= room:
		v.blame = Unknown
	default:
		v.blame = Nothing
	}
}

// best returns the position of the key without which fewest series remain, -1 if all
// keys are protected.
func (r *record) best(protected []string) int {
	best := -1
	for i, k := range r.keys {
		if (best < 0 || r.sight.rests[i] < r.sight.rests[best]) && !slices.Contains(protected, k.name) {
			best = i
		}
	}
	return best
}

// saves reports whether fewer series remain than were seen, beyond the error of estimates.
func (v *verdict) saves(remaining int) bool { return remaining <= v.seen-v.seen/8 }
