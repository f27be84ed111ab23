// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/ledger"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/offenders"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
)

// refusal is what is known of a point whose series has no place.
type refusal struct {
	series, sum uint64
	attributes  pcommon.Map
	blamed      string // the attribute that is over a limit of its own
}

// refuse goes down the ladder of actions with a point whose series has no place, and
// returns what became of it.
func (s *sieve) refuse(why reason, p *fold.Point) (outcome, reason) {
	action := s.rule.Action
	if why == tableFull || why == metricLimit {
		switch s.onMemoryCap {
		case capPass:
			return passed, why
		case capDrop:
			action = rule.Drop
		}
	}
	if of := s.caseOf(); !s.board.Again(of, s.refused.series, s.now) {
		s.board.Refused(of, s.refused.series, s.refused.sum, s.pairsOf(s.refused.attributes), s.now)
	}
	s.announce(why)
	s.judge()
	switch {
	case action == rule.Observe:
		return observed, why
	case action == rule.Drop, why == metricLimit:
		return dropped, why
	case s.obstacle != fold.Foldable:
		return dropped, ofForm(s.obstacle)
	}
	if action == rule.FoldAttribute {
		if as := s.culprit(); as != nil {
			if lost := s.fold(p, as); lost != overflowLimit {
				return s.settled(foldedAttribute, why, lost)
			}
		}
	}
	lost := s.fold(p, &protected)
	if lost == overflowLimit && len(s.rule.Protected) > 0 {
		lost = s.fold(p, &bare)
	}
	return s.settled(folded, why, lost)
}

// settled returns what became of a point that was folded as o unless it was lost.
func (s *sieve) settled(o outcome, why, lost reason) (outcome, reason) {
	switch {
	case lost == noReason:
		return o, why
	case lost == untracked && s.onMemoryCap == capPass:
		return passed, lost
	default:
		return dropped, lost
	}
}

// judgeEvery is after how many refused points of a batch it is asked again what is to
// blame, as long as nobody knows.
const judgeEvery = 32

// judge finds out what makes the metric in hand explode, and tells a human once.
func (s *sieve) judge() {
	s.refusals++
	if s.blame != offenders.Unknown || s.refusals%judgeEvery != 1 {
		return
	}
	of := s.caseOf()
	key, blame := s.board.Blame(of, s.maxOverflow, s.rule.Protected)
	if s.blame = blame; blame == offenders.Unknown {
		return
	}
	s.cut = s.without(key)
	if m, ok := s.board.Explain(of, s.now); ok {
		s.warn.explain(&m, s.now)
	}
}

// culprit returns what is left without the attribute whose removal leaves few enough series,
// or without the resource if that is enough, and nil if no single attribute is to blame.
func (s *sieve) culprit() *shape {
	as := &s.cut
	switch key := s.refused.blamed; {
	case key != "": // over a limit of its own
		if slices.Contains(s.rule.Protected, key) {
			return nil
		}
		s.own = s.without(key)
		as = &s.own
	case s.blame == offenders.Resource:
		return as
	case s.blame != offenders.Key:
		return nil
	}
	value, ok := s.refused.attributes.Get(as.without)
	if !ok {
		return nil
	}
	as.pair = s.hasher.Pair(as.without, value)
	return as
}

// shape is what an overflow series keeps of a point's attributes.
type shape struct {
	all     bool   // all of them, but for without, whose value is replaced
	without string // none if empty
	text    uint64 // the hash of without alone
	pair    uint64 // the hash of without and its value, which the point in hand has
	bare    bool   // none, not even the protected ones
}

// The shapes that are the same for all metrics.
var (
	protected = shape{}
	bare      = shape{bare: true}
)

// without returns the shape that lacks a key, and only the resource if that is empty.
func (s *sieve) without(key string) shape {
	if key == "" {
		return shape{all: true}
	}
	return shape{all: true, without: key, text: s.hasher.Text(key)}
}

// describer says what the overflow series of a point looks like.
type describer struct {
	*sieve
	shape *shape
}

// fold adds a point to the overflow series of a shape.
func (s *sieve) fold(p *fold.Point, as *shape) reason {
	if s.excess == nil {
		s.excess = s.ledger.NewBatch(s.ts)
	}
	d := &s.describer
	d.sieve, d.shape = s, as
	group := identity.Mix(s.account.Tenant ^ s.id.Stream)
	t := ledger.Target{
		Key:      identity.Series(group, uint64(s.rule.Gauge), d.sum()),
		Group:    group,
		Source:   s.refused.series,
		Form:     s.form,
		NewSince: max(s.newSince, pcommon.Timestamp(s.released.Load())),
	}
	return ofLedger(s.excess.Add(&t, p, d))
}

// sum returns the fingerprint of the attributes that the overflow series keeps.
func (d *describer) sum() uint64 {
	switch {
	case d.shape.bare:
		return 0
	case d.shape.all:
		if d.shape.without == "" {
			return d.refused.sum
		}
		return d.refused.sum - d.shape.pair + d.shape.text
	default:
		sum := uint64(0)
		for _, key := range d.rule.Protected {
			if v, ok := d.refused.attributes.Get(key); ok {
				sum += d.hasher.Pair(key, v)
			}
		}
		return sum
	}
}

// Describe implements [ledger.Describer].
func (d *describer) Describe() ledger.Series {
	kept := pcommon.NewMap()
	switch {
	case d.shape.bare:
	case d.shape.all:
		d.refused.attributes.CopyTo(kept)
		if d.shape.without != "" {
			kept.PutStr(d.shape.without, d.overflow.attributeValue)
		}
	default:
		for _, key := range d.rule.Protected {
			if v, ok := d.refused.attributes.Get(key); ok {
				v.CopyTo(kept.PutEmpty(key))
			}
		}
	}
	d.overflow.mark(kept)
	return ledger.Series{
		Tenant:      d.tenant,
		Name:        d.metric.Name(),
		Description: d.metric.Description(),
		Unit:        d.metric.Unit(),
		Attributes:  kept,
		Folded:      d.shape.without,
	}
}

// pairsOf returns the attributes as the board wants them, good until the next call.
func (s *sieve) pairsOf(attributes pcommon.Map) []offenders.Pair {
	s.pairs = s.pairs[:0]
	for key, value := range attributes.All() {
		pair := offenders.Pair{Key: key, Hash: s.hasher.Pair(key, value), Value: sampleOf(value)}
		s.pairs = append(s.pairs, pair)
	}
	return s.pairs
}

// sampleOf returns what is shown of a value.
func sampleOf(value pcommon.Value) string {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return value.Str()
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
		return "(" + value.Type().String() + ")" // its text could be of any size
	default:
		return value.AsString()
	}
}

// caseOf names the metric in hand to the board.
func (s *sieve) caseOf() *offenders.Case {
	if s.of.Metric == 0 {
		s.of = offenders.Case{
			Tenant: s.tenant.Key, TenantName: s.tenant.Name,
			Metric: s.id.Name, MetricName: s.metric.Name(),
		}
	}
	return &s.of
}

// announce warns of the metric in hand the first time that it is over a limit.
func (s *sieve) announce(why reason) {
	if s.warned {
		return
	}
	s.warned = true
	if why == metricLimit {
		s.warn.metricLimit(s.metric.Name(), s.now)
		return
	}
	if s.table.Announce(s.account.Owner) {
		s.warn.full(s.tenant.Name, s.metric.Name(), why, s.rule, s.now)
	}
}
