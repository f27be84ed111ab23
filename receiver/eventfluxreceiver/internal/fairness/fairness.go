// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package fairness says which engines send more than their share.
package fairness

import (
	"sync"
	"time"
)

// Limits of every engine alike.
type Limits struct {
	// PerSecond is how many items an engine may send on average, Burst how many at
	// once after a silence. Both are positive.
	PerSecond, Burst float64
	// Max is how many engines are told apart. Those for whom there is no room have
	// one share together.
	Max int
}

// Engine is who sends.
type Engine struct{ Name, Instance string }

// Share is what a request has of one engine.
type Share struct {
	Engine Engine
	// Items are its data points, spans or log records.
	Items int
}

// Table knows what each engine may still send. It is safe for concurrent use.
// It holds no more than Max engines, and forgets one as soon as its share is
// whole again, which says nothing about it any more.
type Table struct {
	limits Limits

	mu      sync.Mutex
	buckets map[Engine]bucket
	others  bucket
	swept   time.Time
}

// bucket is what could be sent at a time. It is below zero after a request that
// was larger than what was left.
type bucket struct {
	left float64
	at   time.Time
}

// New returns a table in which every share is whole.
func New(limits Limits) *Table {
	return &Table{limits: limits, buckets: make(map[Engine]bucket), others: bucket{left: limits.Burst}}
}

// Admit says whether the request may pass now, and if not, after how long it is
// worth to come again.
//
// It passes when one of its engines has something left, and is charged to all of
// them: OTLP can refuse a request only as a whole, and an agent's request must
// not wait for the worst engine in it. A request larger than what is left
// passes too, and is paid for by a longer wait: large requests would never pass
// otherwise. What is refused is not charged.
func (t *Table) Admit(shares []Share, now time.Time) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	least, ok := -1.0, false
	for _, s := range shares {
		left := t.bucket(s.Engine, now).left
		if s.Items == 0 || left > 0 {
			ok = true
		}
		// Exactly nothing left is not enough: one item must have come back.
		if missing := (1 - left) / t.limits.PerSecond; least < 0 || missing < least {
			least = missing
		}
	}
	if !ok && len(shares) > 0 {
		return time.Duration(least * float64(time.Second)), false
	}
	for _, s := range shares {
		t.charge(s, now)
	}
	return 0, true
}

// bucket returns the engine's, as it is now.
func (t *Table) bucket(e Engine, now time.Time) bucket {
	b, known := t.buckets[e]
	switch {
	case known:
		return t.fill(b, now)
	case len(t.buckets) < t.limits.Max || t.sweep(now):
		return bucket{left: t.limits.Burst, at: now}
	default:
		return t.fill(t.others, now)
	}
}

func (t *Table) charge(s Share, now time.Time) {
	if s.Items == 0 {
		return
	}
	b := t.bucket(s.Engine, now)
	b.left -= float64(s.Items)
	if _, known := t.buckets[s.Engine]; known || len(t.buckets) < t.limits.Max {
		t.buckets[s.Engine] = b
	} else {
		t.others = b
	}
}

// fill adds what came back since. A clock that steps back adds nothing.
func (t *Table) fill(b bucket, now time.Time) bucket {
	if past := now.Sub(b.at).Seconds(); past > 0 {
		b.left = min(t.limits.Burst, b.left+past*t.limits.PerSecond)
		b.at = now
	}
	return b
}

// sweepEvery bounds what senders of ever new names can cost.
const sweepEvery = time.Second

// sweep forgets the engines whose share is whole, and reports whether there is
// room then. It costs a look at each.
func (t *Table) sweep(now time.Time) bool {
	if now.Sub(t.swept) < sweepEvery {
		return false
	}
	t.swept = now
	for e, b := range t.buckets {
		if t.fill(b, now).left >= t.limits.Burst {
			delete(t.buckets, e)
		}
	}
	return len(t.buckets) < t.limits.Max
}

// Len returns how many engines have not their whole share.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.buckets)
}
