// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import (
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/spacesaving"
)

const (
	// maxKeys is how many attribute keys of a case are told apart; further keys count as one.
	maxKeys = 32
	// maxKeyBytes is how long such a key may be; longer ones count among the further keys.
	maxKeyBytes = 256
	// samples is how many values of a key are followed.
	samples = 8
)

// record is what is known of a case in the present window, and a little of the one before.
type record struct {
	tenant, metric         uint64
	tenantName, metricName string
	window                 int64
	write                  spacesaving.Writer

	explained atomic.Bool   // somebody was told of it
	points    atomic.Uint64 // refused points since the case was opened
	seenAt    atomic.Int64
	turnAt    atomic.Int64 // when the window ends
	recent    atomic.Pointer[recent]

	mu     sync.Mutex
	seen   tally     // series refused or admitted late
	sums   tally     // the same, told apart by their attributes alone, not by their resource
	wanted [2]Sketch // series refused in this window and the one before
	keys   []*key
	byName map[string]int // position in keys
	others *key           // keys beyond maxKeys, as if they were one
	// order predicts the position of a key from its place in the point: most points of a
	// metric list the same keys in the same order.
	order [maxKeys]uint8
	cuts  [maxKeys]uint64 // scratch: what a point loses with each key
	sight verdict
}

func newRecord(c *Case, window int64, write spacesaving.Writer, now int64) *record {
	r := &record{
		tenant: c.Tenant, metric: c.Metric,
		tenantName: string(clip(nil, c.TenantName, maxNameRunes)),
		metricName: string(clip(nil, c.MetricName, maxNameRunes)),
		window:     window, write: write,
		byName: map[string]int{},
	}
	r.seenAt.Store(now)
	r.turnAt.Store(now + window)
	r.recent.Store(newRecent(minRecent))
	return r
}

// again counts a point if its series is remembered. It returns false, without counting,
// if not.
func (r *record) again(series uint64, now int64) bool {
	if now >= r.turnAt.Load() || !r.recent.Load().has(series) {
		return false
	}
	r.points.Add(1)
	r.touch(now)
	return true
}

// touch notes that the case is alive. Most calls come with a time that is there already.
func (r *record) touch(now int64) {
	if r.seenAt.Load() < now {
		r.seenAt.Store(now)
	}
}

func (r *record) refuse(series, sum uint64, pairs []Pair, now int64) {
	r.points.Add(1)
	r.touch(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	f := r.recent.Load()
	if f.crowded() {
		f = newRecent(recentGrowth * len(f.prints)) // what the old one knew is learnt again
		r.recent.Store(f)
	}
	f.add(series)
	r.wanted[0].Insert(series)
	r.learn(series, sum, pairs)
}

func (r *record) admit(series, sum uint64, pairs []Pair, now int64) {
	r.touch(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	r.learn(series, sum, pairs)
}

// turn begins a new window if the present one is over. After a whole window of silence
// nothing is left.
func (r *record) turn(now int64) {
	end := r.turnAt.Load()
	if now < end {
		return
	}
	r.next()
	if now >= end+r.window {
		r.next()
		end = now
	}
	r.turnAt.Store(end + r.window)
}

func (r *record) next() {
	r.recent.Load().clear()
	r.wanted[0], r.wanted[1] = r.wanted[1], r.wanted[0]
	r.wanted[0].Reset()
	r.seen.turn()
	r.sums.turn()
	if r.others != nil && !r.others.turn() {
		r.others = nil
	}
	kept := r.keys[:0]
	clear(r.byName)
	for _, k := range r.keys {
		if k.turn() {
			r.byName[k.name] = len(kept)
			kept = append(kept, k)
		}
	}
	clear(r.keys[len(kept):])
	r.keys = kept
	r.sight.turn()
}

// learn takes in a series that was not seen of late.
func (r *record) learn(series, sum uint64, pairs []Pair) {
	if r.seen.Insert(series) {
		r.sight.news++
	}
	others := r.split(pairs)
	whole := mix(sum)
	r.sums.Insert(whole)
	for i, k := range r.keys {
		if r.cuts[i] == 0 { // the point does not have this key: all of it remains
			k.rest.Insert(whole)
			continue
		}
		k.rest.Insert(mix(sum - r.cuts[i]))
		r.cuts[i] = 0
	}
	if r.others != nil {
		r.others.rest.Insert(mix(sum - others))
	}
}

// split leaves in cuts what each known key contributes to the sum, and returns what all
// others contribute together. A key may occur more than once.
func (r *record) split(pairs []Pair) (others uint64) {
	for i := range pairs {
		p := &pairs[i]
		position, ok := r.position(i, p.Key)
		if !ok {
			others += p.Hash
			r.others.value(p)
			continue
		}
		r.cuts[position] += p.Hash
		r.keys[position].value(p)
	}
	return others
}

// position finds a key by its place in the point, or else by its name, and makes room for
// a new one. It returns false if the key counts among the others.
func (r *record) position(place int, name string) (int, bool) {
	if place < maxKeys {
		if i := int(r.order[place]); i < len(r.keys) && r.keys[i].name == name {
			return i, true
		}
	}
	if len(name) > maxKeyBytes {
		r.openOthers()
		return 0, false
	}
	i, ok := r.byName[name]
	if !ok {
		if len(r.keys) == maxKeys {
			r.openOthers()
			return 0, false
		}
		i = len(r.keys)
		name = strings.Clone(name) // the caller's may be part of a large message
		r.keys = append(r.keys, r.newKey(name))
		r.byName[name] = i
	}
	if place < maxKeys {
		r.order[place] = uint8(i)
	}
	return i, true
}

func (r *record) openOthers() {
	if r.others == nil {
		r.others = r.newKey("")
	}
}

// newKey begins with what was seen without the key: of those series, all remains.
func (r *record) newKey(name string) *key {
	k := &key{name: name, top: spacesaving.New(samples, r.write)}
	k.rest.CopyFrom(&r.sums.Sketch)
	k.rest.before = r.sums.before
	return k
}

func (r *record) bytes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int(unsafe.Sizeof(*r)) + len(r.tenantName) + len(r.metricName) + 4*len(r.recent.Load().prints)
	n += r.seen.Bytes() + r.sums.Bytes() + r.wanted[0].Bytes() + r.wanted[1].Bytes()
	n += cap(r.keys) * (8 + 2*24) // with the map from names, at its fullest
	for _, k := range r.keys {
		n += k.bytes()
	}
	if r.others != nil {
		n += r.others.bytes()
	}
	return n
}
