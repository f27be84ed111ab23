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

// Promote lets a source go that is folded and has a place of its own now. It returns true
// if from now on its points have to go through Rebase. A source that started anew since,
// one that is a level, and one that was not folded need not.
func (l *Ledger) Promote(fingerprint uint64, start, now pcommon.Timestamp) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	src := l.sources.find(fingerprint)
	if src == nil {
		return false
	}
	anew := start != 0 && start >= src.at
	if src.stream.form.Level() || anew {
		l.end(src)
		return false
	}
	p := &promoted{form: src.stream.form, base: src.last, from: src.at, used: now}
	p.form.Merge(&p.last, &p.base) // into nothing: it fits
	src.last = fold.Value{}        // moved
	l.end(src)
	l.promoted[fingerprint] = p
	l.promotions.Store(int64(len(l.promoted)))
	return true
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
func (l *Ledger) Rebase(fingerprint uint64, p fold.Point, now pcommon.Timestamp) Reason {
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
	var base, rest fold.Value
	of.form.Merge(&base, &of.base) // into nothing: it fits
	if of.form.AddSince(&rest, &base, p, false) != fold.Continued {
		return OutOfOrder // less than was folded, and not newer
	}
	written := of.form.Write(&rest, pmetric.NewMetric())
	p.Replace(written, of.from)
	return Folded
}
