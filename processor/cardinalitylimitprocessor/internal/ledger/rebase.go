// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
)

// promoted is a cumulative source that was folded and has a place of its own now. What was
// folded of it must not be written a second time under its own name: its points are
// written as what they have beyond that, since then, until it starts anew.
type promoted struct {
	form fold.Form
	base fold.Value        // what was folded
	from pcommon.Timestamp // when it was: the start of what is written
	last fold.Value        // its last point
	used pcommon.Timestamp
}

// Promotion is what becomes of a source that may have a place of its own.
type Promotion uint8

const (
	// Plain sources are written as they are: nothing of them was folded, or they started
	// anew since, or are levels.
	Plain Promotion = iota
	// Rebased sources were folded: from now on their points have to go through Rebase.
	Rebased
	// TooEarly is a point from before what was folded last. It belongs to the overflow
	// series, and is no reason to leave it.
	TooEarly
)

// Promote lets the source of a point go that is folded and may have a place of its own now.
func (l *Ledger) Promote(fingerprint uint64, point *fold.Point, now pcommon.Timestamp) Promotion {
	l.mu.Lock()
	defer l.mu.Unlock()
	src, start := l.sources.find(fingerprint), point.Start()
	if src == nil {
		return Plain
	}
	if point.Timestamp() < src.at {
		return TooEarly
	}
	anew := start != 0 && start >= src.at
	if src.stream.form.Level() || anew {
		l.end(src)
		return Plain
	}
	p := &promoted{form: src.stream.form, base: src.last, from: src.at, used: now}
	p.last = p.form.Copy(&p.base)
	src.last = fold.Value{} // moved
	l.end(src)
	l.promoted[fingerprint] = p
	l.promotions.Store(int64(len(l.promoted)))
	return Rebased
}

// Promotions returns how many sources go through Rebase. It takes no lock.
func (l *Ledger) Promotions() int { return int(l.promotions.Load()) }

// Demote forgets that a source was promoted: its series ended.
func (l *Ledger) Demote(fingerprint uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.demote(fingerprint)
}

func (l *Ledger) demote(fingerprint uint64) {
	delete(l.promoted, fingerprint)
	l.promotions.Store(int64(len(l.promoted)))
}

// Rebase makes a point of a promoted source what it has beyond what was folded of the
// source. It leaves points of other sources as they are. Points from before the promotion
// are OutOfOrder, and must not be written.
func (l *Ledger) Rebase(fingerprint uint64, p *fold.Point, now pcommon.Timestamp) Reason {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.promoted[fingerprint]
	switch {
	case of == nil:
		return Folded
	case p.Timestamp() < of.from:
		return OutOfOrder
	case of.form.Check(p) != fold.Foldable:
		return Invalid
	}
	of.used = now
	var unused fold.Value
	if of.form.AddSince(&unused, &of.last, p, false) == fold.Restarted {
		l.demote(fingerprint)
		return Folded
	}
	var rest fold.Value
	base := of.form.Copy(&of.base)
	if of.form.AddSince(&rest, &base, p, false) != fold.Continued {
		return OutOfOrder // less than was folded, and not newer
	}
	written := of.form.Write(&rest, pmetric.NewMetric())
	p.Replace(written, of.from)
	return Folded
}
