// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package offenders knows, within bounded memory, what a limiter refused: how many
// distinct series were wanted, which attribute key makes them explode, and which values.
//
// A Board holds one case per metric of a tenant under pressure. A case is told of every
// refused point, and of the series admitted late, when the budget was already more than
// half used, so that the first refusal does not find it without an opinion. Callers pass
// fingerprints and the current time; nothing here looks at a clock.
package offenders

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/spacesaving"
)

// Case names one metric of one tenant: the fingerprints tell cases apart, the names are shown.
//
// It remembers where a Board keeps it, so that who tells of one case many times looks it up
// once. So a Case that a Board was told of belongs to one goroutine, and to this Board.
type Case struct {
	Tenant, Metric         uint64
	TenantName, MetricName string

	table  *table
	record *record
}

// Pair is one attribute of a point.
type Pair struct {
	Key string
	// Hash is what the attribute contributes to the sum over all attributes of the point:
	// the sum without it stands for the point without the attribute.
	Hash uint64
	// Value is only shown. Not more than 64 characters are read, and none is kept if
	// values are redacted by hash.
	Value string
}

// Options bound a Board. Zero values mean the defaults.
type Options struct {
	// Cases is how many metrics of tenants are known at a time, 256 by default. A case
	// takes 4 KB at first, about 60 KB with ten keys of which one explodes, and never more
	// than 208 KB, with 32 keys that all explode with the longest values that are kept.
	Cases int
	// Window is how long a series counts as wanted after it was seen last: for at least
	// one window and at most two. 10 minutes by default.
	Window time.Duration
	// Idle is how long a case must have been silent to make room for another, one minute
	// by default. Without it, many cases would push each other out before any is understood.
	Idle time.Duration
	// Redaction says how much of attribute values is shown.
	Redaction Redaction
}

const (
	defaultCases  = 256
	defaultWindow = 10 * time.Minute
	defaultIdle   = time.Minute
)

// Board knows the cases. It may be used by many goroutines at once: a repeated series
// takes no lock, anything else that of its case. It is bounded in memory whatever it is told.
type Board struct {
	options Options
	write   spacesaving.Writer
	base    time.Time

	table atomic.Pointer[table]
	// Cases that were refused nothing yet (0) and those that were (1) find room differently.
	// Closed is a moment before which none will, so that it need not be looked for at each
	// point: a case that comes in meanwhile does not make it earlier. TurnedAway counts
	// those that found none.
	closed     [2]atomic.Int64
	turnedAway [2]atomic.Uint64

	mu            sync.Mutex // held while cases come and go
	evicted       uint64
	evictedPoints uint64
}

// New returns an empty Board.
func New(options Options, now time.Time) *Board {
	if options.Cases <= 0 {
		options.Cases = defaultCases
	}
	if options.Window <= 0 {
		options.Window = defaultWindow
	}
	if options.Idle <= 0 {
		options.Idle = defaultIdle
	}
	b := &Board{options: options, write: options.Redaction.writer(), base: now}
	b.table.Store(newTable(nil))
	return b
}

// Again counts a refused point that has nothing new to tell: its series was refused a
// moment ago, or there is no room for its case. It returns false, without counting, for any
// other; that goes to Refused. So what only Refused needs is not made for most points.
func (b *Board) Again(c *Case, series uint64, at time.Time) bool {
	now := b.since(at)
	if r := b.find(c); r != nil {
		return r.again(series, now)
	}
	if now >= b.closed[refused].Load() {
		return false
	}
	b.turnedAway[refused].Add(1)
	return true
}

// Refused tells of a refused point. Series is the fingerprint of its series, sum the
// order-free sum of the hashes of all pairs.
func (b *Board) Refused(c *Case, series, sum uint64, pairs []Pair, at time.Time) {
	now := b.since(at)
	if r := b.open(c, refused, now); r != nil && !r.again(series, now) {
		r.refuse(series, sum, pairs, now)
	}
}

// Added tells of a series that was admitted when the budget was more than half used.
func (b *Board) Added(c *Case, series, sum uint64, pairs []Pair, at time.Time) {
	now := b.since(at)
	if r := b.open(c, late, now); r != nil {
		r.admit(series, sum, pairs, now)
	}
}

// Bytes returns the memory held.
func (b *Board) Bytes() int {
	t := b.table.Load()
	n := int(unsafe.Sizeof(*b)) + (cap(t.slots)+cap(t.records))*int(unsafe.Sizeof(t))
	for _, r := range t.records {
		n += r.bytes()
	}
	return n
}

// find returns the record of a case, nil if it has none.
func (b *Board) find(c *Case) *record {
	if t := b.table.Load(); t != c.table {
		c.table, c.record = t, t.find(c.Tenant, c.Metric)
	}
	return c.record
}

// since is the time on the Board's own clock, which runs on the monotonic reading of
// both times if they have one.
func (b *Board) since(at time.Time) int64 { return int64(at.Sub(b.base)) }

// Why a case is told of a series.
const (
	late    = 0
	refused = 1
)

// open returns the record of a case, a new one if needed. It returns nil, and counts, if
// there is no room for one.
func (b *Board) open(c *Case, why int, now int64) *record {
	r := b.find(c)
	if r == nil && now >= b.closed[why].Load() {
		r = b.insert(c, why, now)
	}
	if r == nil {
		b.turnedAway[why].Add(1)
	}
	return r
}

// insert makes the record of a case. It returns nil if there is no room for one. What
// another goroutine is just telling an evicted record goes with it.
func (b *Board) insert(c *Case, why int, now int64) *record {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.table.Load()
	if r := old.find(c.Tenant, c.Metric); r != nil { // another goroutine was faster
		return r
	}
	records := append(make([]*record, 0, b.options.Cases), old.records...)
	if len(records) == b.options.Cases {
		victim := b.victim(records, why, now)
		if victim < 0 {
			b.closed[why].Store(oldest(records) + int64(b.options.Idle))
			return nil
		}
		b.evicted++
		b.evictedPoints += records[victim].points.Load()
		records[victim] = records[len(records)-1]
		records = records[:len(records)-1]
	}
	r := newRecord(c, int64(b.options.Window), b.write, now)
	b.table.Store(newTable(append(records, r)))
	return r
}

// victim returns which record has to go: the one that has been silent for longest if it
// has been so for long enough, and for a refused newcomer any that only knows late
// admissions. It returns -1 if all of them must stay.
func (b *Board) victim(records []*record, why int, now int64) int {
	victim, at := -1, int64(0)
	for i, r := range records {
		seen := r.seenAt.Load()
		idle := now-seen >= int64(b.options.Idle)
		harmless := why == refused && r.points.Load() == 0
		if (idle || harmless) && (victim < 0 || seen < at) {
			victim, at = i, seen
		}
	}
	return victim
}

// oldest returns when the record that has been silent for longest was told something last.
func oldest(records []*record) int64 {
	at := records[0].seenAt.Load()
	for _, r := range records[1:] {
		at = min(at, r.seenAt.Load())
	}
	return at
}
