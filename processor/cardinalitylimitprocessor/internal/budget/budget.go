// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package budget decides which series may exist. It remembers every admitted series by
// its fingerprint, so membership is exact: a series that was admitted stays admitted
// until it has been silent for the time to live, however many others knock.
//
// It knows nothing of metrics data: callers pass fingerprints and the current time.
package budget

import (
	"sync"
	"sync/atomic"
	"time"
)

// Verdict says what became of a series.
type Verdict uint8

const (
	// Known means that the series was admitted before.
	Known Verdict = iota
	// Added means that the series is new and had room.
	Added
	// MetricFull means that the series is new and its metric's limit is used up.
	MetricFull
	// TableFull means that the series is new and the limit over all metrics is used up.
	TableFull
	// MetricLimit means that the series is the first of a metric and no more metrics fit.
	MetricLimit
)

// Admitted reports whether the series may exist.
func (v Verdict) Admitted() bool { return v <= Added }

// Limits bound a Table. All of them must be positive.
type Limits struct {
	SeriesPerMetric int
	Series          int
	Metrics         int
	TTL             time.Duration
}

// sweepsPerTTL is how often expired series are looked for. It bounds how much longer
// than the time to live a silent series can hold its slot: by a twentieth.
const sweepsPerTTL = 20

// Tick is a moment on a Table's own clock.
type Tick int32

// Table tracks series. It may be used by many goroutines at once.
type Table struct {
	limits Limits
	base   time.Time
	resol  time.Duration
	swept  atomic.Int32 // the Tick of the last sweep
	total  atomic.Int64

	// mu is held for reading while a series is added, for writing while metrics come
	// and go. Looking up a known series does not take it.
	mu      sync.RWMutex
	index   map[uint64]uint32 // fingerprint of the metric -> position in metrics
	metrics []*metric
	free    []uint32 // positions in metrics that nobody uses

	shards [shardCount]shard
}

// metric counts the series of one metric.
type metric struct {
	fingerprint uint64
	series      atomic.Int64
	announced   atomic.Bool
}

// New returns an empty Table whose clock starts at now.
func New(limits Limits, now time.Time) *Table {
	return &Table{
		limits: limits,
		base:   now,
		resol:  max(limits.TTL/sweepsPerTTL, time.Millisecond),
		index:  map[uint64]uint32{},
	}
}

// Tick translates a time to the Table's clock, which runs on the monotonic reading of
// now if it has one, so that setting the wall clock neither revives nor kills series.
func (t *Table) Tick(now time.Time) Tick {
	return Tick(max(now.Sub(t.base)/t.resol, 0))
}

// Admit reports whether a series of a metric may exist at the given moment, and
// remembers it if so.
func (t *Table) Admit(metric, series uint64, at Tick) Verdict {
	series = occupied(series)
	if t.shard(series).touch(series, at) {
		return Known
	}
	return t.add(metric, series, at)
}

// Peek reports whether a series is known or would have room. It remembers nothing.
func (t *Table) Peek(metric, series uint64) Verdict {
	series = occupied(series)
	if t.shard(series).has(series) {
		return Known
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	m, ok := t.lookup(metric)
	switch {
	case !ok && len(t.index) >= t.limits.Metrics:
		return MetricLimit
	case ok && m.series.Load() >= int64(t.limits.SeriesPerMetric):
		return MetricFull
	case t.total.Load() >= int64(t.limits.Series):
		return TableFull
	default:
		return Added
	}
}

// Announce returns true for the first call with a metric, false for all others.
// It returns false for a metric that is not tracked. A metric whose series all expired
// is as good as new.
func (t *Table) Announce(metric uint64) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	m, ok := t.lookup(metric)
	return ok && m.announced.CompareAndSwap(false, true)
}

// lookup needs mu. It returns false if the metric has no entry.
func (t *Table) lookup(fingerprint uint64) (*metric, bool) {
	i, ok := t.index[fingerprint]
	if !ok {
		return nil, false
	}
	return t.metrics[i], true
}

// add makes room first and inserts second, so that no number of goroutines can bring in
// more series than there is room for.
func (t *Table) add(metric, series uint64, at Tick) Verdict {
	t.mu.RLock()
	position, ok := t.index[metric]
	for ; !ok; position, ok = t.index[metric] { // again only if a sweep took the fresh entry away
		t.mu.RUnlock()
		if !t.open(metric) {
			return MetricLimit
		}
		t.mu.RLock()
	}
	defer t.mu.RUnlock()

	m := t.metrics[position]
	if !reserve(&m.series, int64(t.limits.SeriesPerMetric)) {
		return MetricFull
	}
	if !reserve(&t.total, int64(t.limits.Series)) {
		m.series.Add(-1)
		return TableFull
	}
	if !t.shard(series).insert(series, position, at) { // another goroutine was faster
		m.series.Add(-1)
		t.total.Add(-1)
		return Known
	}
	return Added
}

// open gives a metric an entry. It returns false if there is no room for one.
func (t *Table) open(fingerprint uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.index[fingerprint]; ok {
		return true
	}
	if len(t.index) >= t.limits.Metrics {
		return false
	}
	m := &metric{fingerprint: fingerprint}
	if n := len(t.free); n > 0 {
		t.index[fingerprint] = t.free[n-1]
		t.metrics[t.free[n-1]] = m
		t.free = t.free[:n-1]
		return true
	}
	t.index[fingerprint] = uint32(len(t.metrics))
	t.metrics = append(t.metrics, m)
	return true
}

// reserve adds one to n unless that would exceed limit. It returns whether it did.
func reserve(n *atomic.Int64, limit int64) bool {
	for {
		have := n.Load()
		if have >= limit {
			return false
		}
		if n.CompareAndSwap(have, have+1) {
			return true
		}
	}
}
