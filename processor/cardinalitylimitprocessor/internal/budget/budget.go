// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package budget decides which series may exist. It remembers every admitted series by
// its 64-bit fingerprint, so membership is exact: a series that was admitted stays
// admitted until it has been silent for the time to live or is released, however many
// others knock.
//
// Room is given out on three levels: to a metric of a tenant, to a tenant, and to the
// whole table. It is reserved before a series is inserted, so that no number of
// goroutines can bring in more series than there is room for.
//
// A series costs about 10 to 13 bytes, a metric of a tenant about 22 more. Fingerprints
// must be evenly spread: use a hash with a secret seed.
//
// The package knows nothing of metrics data: callers pass fingerprints and the time.
package budget

import (
	"sync"
	"sync/atomic"
	"time"
)

// Verdict says what became of a series.
type Verdict uint8

const (
	// Known means that the series was admitted before and seen in this Tick already.
	Known Verdict = iota
	// Renewed means that the series was admitted before and is seen for the first time in
	// this Tick.
	Renewed
	// Added means that the series is new and had room.
	Added
	// AddedHigh is Added, and of the room of its metric or its tenant more than half is
	// used now.
	AddedHigh
	// MetricFull means that the series is new and the limit of its tenant's metric is
	// used up.
	MetricFull
	// TenantFull means that the series is new, the limit of its tenant is used up and
	// nothing is left to lend.
	TenantFull
	// TableFull means that the series is new and the limit over all tenants is used up.
	TableFull
	// MetricLimit means that the series is the first of a metric and no more metrics fit.
	MetricLimit
	// TenantLimit means that the series is the first of a tenant and no more tenants fit.
	TenantLimit
)

// Admitted reports whether the series may exist.
func (v Verdict) Admitted() bool { return v <= AddedHigh }

// Owner is who pays for a series: a metric of a tenant.
type Owner struct {
	Tenant, Metric uint64 // fingerprints
	Limit          int    // of this metric of this tenant; zero is Limits.SeriesPerMetric
}

// Account is an owner of whom several series in a row are asked for. It remembers that there
// is no room, for as long as nothing can have changed that. It belongs to one goroutine.
type Account struct {
	Owner

	full  *entry // the cell that was found full, nil if none was
	limit uint32 // of that cell
	epoch uint64 // of the Table then
}

// Table tracks series. It may be used by many goroutines at once.
//
// Looking up a series reads one or two cache lines, and takes the lock of one of 256 shards
// if there is something to note. No method but Largest, Tenants, Append and Load allocates, except to grow.
type Table struct {
	shards [shardCount]shard // first, so that each is one cache line

	clock  atomic.Pointer[clock]
	tick   atomic.Int64 // length of a Tick that the limits ask for, in nanoseconds
	swept  atomic.Int32 // the Tick of the last sweep
	total  atomic.Uint32
	told   atomic.Bool // owners without an entry were announced
	vacant atomic.Bool // some cell may have lost its last series since cells were cleared

	expired, released, restored, crowded atomic.Uint64
	late                                 atomic.Int64 // expired outside of Sweep and not reported by it yet

	// sweeping is held while positions of cells must not come free: by those who free
	// them, and by those who remember them for longer than they hold mu.
	sweeping sync.Mutex
	dead     []uint32 // scratch of who sweeps

	// mu is held for reading while a series is added, for writing while cells come and
	// go. It is taken before the lock of a shard, never after. Looking up a known series
	// does not take it.
	mu      sync.RWMutex
	epoch   atomic.Uint64 // counted up before limits change or cells go
	bounds  bounds
	tenants directory // by fingerprint; extra is the number of cells
	metrics directory // by fingerprint; extra is the number of cells
	cells   directory // by positions of tenant and metric; extra is the owner's limit
}

// New returns an empty Table whose clock starts at now.
func New(limits Limits, now time.Time) *Table {
	t := &Table{bounds: boundsOf(limits)}
	t.tick.Store(int64(tickOf(limits.TTL)))
	t.clock.Store(&clock{base: now, tick: tickOf(limits.TTL)})
	for i := range t.shards {
		t.shards[i].publish()
	}
	return t
}

// SetLimits changes the limits while the table is in use. Nothing admitted is evicted:
// what is over a lower limit stays, and new series are refused until enough expired.
//
// A new time to live counts from the next call of Tick on. What a series used of the old
// one it has used, in proportion, of the new one.
func (t *Table) SetLimits(limits Limits) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.epoch.Add(1)
	t.bounds = boundsOf(limits)
	t.tick.Store(int64(tickOf(limits.TTL)))
}

// Admit reports whether a series of an owner may exist at the given moment, and
// remembers it if so. A series belongs to the owner that it was first admitted for.
//
// Of goroutines that bring the same new series at the same moment, one adds it; another
// may still be refused the last place, which it takes.
func (t *Table) Admit(o Owner, series uint64, at Tick) Verdict {
	return t.AdmitTo(&Account{Owner: o}, series, at)
}

// AdmitTo is Admit for an owner of whom several series are asked for. One that finds its
// owner without room costs no search for the owner then.
func (t *Table) AdmitTo(a *Account, series uint64, at Tick) Verdict {
	s := t.shard(series)
	switch s.look(series&remainder, at) {
	case current:
		return Known
	case absent:
		if t.stillFull(a) {
			return MetricFull
		}
	}
	v := s.touch(series&remainder, at)
	if v == tooLate {
		t.late.Add(int64(t.expire(s, at)))
		v = s.touch(series&remainder, at)
	}
	if v == unknown {
		if t.stillFull(a) {
			return MetricFull
		}
		return t.add(a, series, at)
	}
	return v
}

// Peek reports whether a series is known or would have room. It remembers nothing, and
// never returns Renewed or AddedHigh.
func (t *Table) Peek(o Owner, series uint64) Verdict {
	if t.shard(series).has(series & remainder) {
		return Known
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.judge(t.find(o), o)
}

// Release forgets a series and gives its place back at once. It returns false if the
// series was not known.
func (t *Table) Release(series uint64) bool {
	cell, ok := t.shard(series).release(series & remainder)
	if !ok {
		return false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.giveBack(t.cells.at(cell))
	t.released.Add(1)
	return true
}

// Announce returns true once for every owner that is refused something: for the first
// call, until the last series of the owner is gone. Owners without any series share one
// announcement per tenant, or one per table if their tenant has none either.
func (t *Table) Announce(o Owner) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p := t.find(o)
	switch {
	case p.cell != nil:
		return p.cell.announce()
	case p.tenant != nil:
		return p.tenant.announce()
	default:
		return t.told.CompareAndSwap(false, true)
	}
}
