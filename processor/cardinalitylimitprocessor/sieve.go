// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"cmp"
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/ledger"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/offenders"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rank"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/tenant"
)

// sieve goes through one batch, leaves in it what may pass, and keeps what folds.
type sieve struct {
	*limiter
	policy *policy
	at     budget.Tick
	now    time.Time
	ts     pcommon.Timestamp // now, too
	// newSince is when a series must have started for it to be certain that it never had a
	// place, here or at another replica: those that had one here and lost it were silent for
	// series_ttl, or said that they end, which limiter.released knows.
	newSince pcommon.Timestamp

	promotions int // series of which something was folded before they had a place

	tally  tally
	excess *ledger.Batch // nil until something folds

	// of the place where the sieve is
	shared, tenant  *tenant.Tenant // shared: of the whole batch, nil if each resource has its own
	resource, scope uint64
	metric          pmetric.Metric
	id              identity.Metric
	rule            *rule.Rule
	form            fold.Form
	obstacle        fold.Reason
	warned          bool
	refusals        int            // of the metric in hand
	of              offenders.Case // the same, as the board knows it; named by caseOf
	blame           offenders.Blame
	cut             shape // without what is to blame
	own             shape // without the attribute of the point in hand that is over its own limit
	account         budget.Account

	refused   refusal // of the point in hand
	pairs     []offenders.Pair
	describer describer
}

var sieves = sync.Pool{New: func() any { return new(sieve) }}

// newSieve returns a sieve for one batch, which is to be let go with done.
func (l *limiter) newSieve(now time.Time, at budget.Tick) *sieve {
	s := sieves.Get().(*sieve)
	*s = sieve{limiter: l, policy: l.policy.Load(), at: at, now: now, pairs: s.pairs[:0]}
	s.newSince = pcommon.NewTimestampFromTime(now.Add(-cmp.Or(l.cfg.MaxStartAge, l.ttl)))
	s.ts, s.promotions = pcommon.NewTimestampFromTime(now), l.ledger.Promotions()
	return s
}

// done forgets the batch and lets another one use the sieve.
func (s *sieve) done() {
	clear(s.pairs)
	*s = sieve{pairs: s.pairs[:0]}
	sieves.Put(s)
}

// metrics goes through a batch. One that only observes may be shared with others and is
// not touched.
func (s *sieve) metrics(ctx context.Context, md pmetric.Metrics) {
	s.shared = s.tenantOfClient(ctx)
	if !s.observesOnly {
		md.ResourceMetrics().RemoveIf(s.inResource)
		return
	}
	for _, rm := range md.ResourceMetrics().All() {
		s.enterResource(rm.Resource().Attributes())
		for _, sm := range rm.ScopeMetrics().All() {
			s.scope = s.hasher.Scope(s.resource, sm.Scope())
			for _, m := range sm.Metrics().All() {
				s.observe(m)
			}
		}
	}
}

// enterResource prepares for what is under a resource.
func (s *sieve) enterResource(attributes pcommon.Map) {
	s.tenant = s.shared
	if s.tenant == nil {
		s.tenant = s.tenants.OfResource(attributes, s.now)
	}
	s.resource = s.hasher.Resource(attributes)
}

// inResource returns true if nothing is left of what came.
func (s *sieve) inResource(rm pmetric.ResourceMetrics) bool {
	s.enterResource(rm.Resource().Attributes())
	had := rm.ScopeMetrics().Len()
	rm.ScopeMetrics().RemoveIf(s.inScope)
	return had > 0 && rm.ScopeMetrics().Len() == 0
}

// tenantOfClient returns the tenant of a whole batch, or nil if each resource has its own.
func (s *sieve) tenantOfClient(ctx context.Context) *tenant.Tenant {
	if !s.byClient {
		return nil
	}
	return s.tenants.OfClient(client.FromContext(ctx).Metadata.Get, s.now)
}

// inScope returns true if nothing is left of what came.
func (s *sieve) inScope(sm pmetric.ScopeMetrics) bool {
	s.scope = s.hasher.Scope(s.resource, sm.Scope())
	had := sm.Metrics().Len()
	sm.Metrics().RemoveIf(s.inMetric)
	return had > 0 && sm.Metrics().Len() == 0
}

// enter prepares for the points of a metric. It returns false if they are exempt.
func (s *sieve) enter(m pmetric.Metric) bool {
	s.metric, s.warned, s.refusals, s.blame = m, false, 0, offenders.Unknown
	s.of = offenders.Case{}
	s.rule = s.policy.rules.Of(m.Name())
	if s.rule.Exempt {
		s.tally[exempt][noReason] += datapoints.Count(m)
		return false
	}
	s.id = s.hasher.Metric(m)
	s.form, s.obstacle = fold.FormOf(m, s.rule.Gauge)
	return true
}

// inMetric returns true if no point is left. A metric that came without points stays.
func (s *sieve) inMetric(m pmetric.Metric) bool {
	if !s.enter(m) {
		return false
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return s.inNumbers(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		return s.inNumbers(m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		points := m.Histogram().DataPoints()
		had := points.Len()
		points.RemoveIf(func(p pmetric.HistogramDataPoint) bool { return s.out(fold.HistogramPoint(p)) })
		return had > 0 && points.Len() == 0
	case pmetric.MetricTypeExponentialHistogram:
		points := m.ExponentialHistogram().DataPoints()
		had := points.Len()
		points.RemoveIf(func(p pmetric.ExponentialHistogramDataPoint) bool { return s.out(fold.ExponentialPoint(p)) })
		return had > 0 && points.Len() == 0
	case pmetric.MetricTypeSummary:
		points := m.Summary().DataPoints()
		had := points.Len()
		points.RemoveIf(func(p pmetric.SummaryDataPoint) bool { return s.out(fold.SummaryPoint(p)) })
		return had > 0 && points.Len() == 0
	default:
		return false
	}
}

func (s *sieve) inNumbers(points pmetric.NumberDataPointSlice) bool {
	had := points.Len()
	points.RemoveIf(func(p pmetric.NumberDataPoint) bool { return s.out(fold.NumberPoint(p)) })
	return had > 0 && points.Len() == 0
}

// observe is inMetric for a batch that must not be touched.
func (s *sieve) observe(m pmetric.Metric) {
	if !s.enter(m) {
		return
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			s.out(fold.NumberPoint(p))
		}
	case pmetric.MetricTypeSum:
		for _, p := range m.Sum().DataPoints().All() {
			s.out(fold.NumberPoint(p))
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			s.out(fold.HistogramPoint(p))
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			s.out(fold.ExponentialPoint(p))
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			s.out(fold.SummaryPoint(p))
		}
	default:
	}
}

// out returns whether a point is to be taken out, and folds it if so.
func (s *sieve) out(p *fold.Point) bool {
	attributes := p.Attributes()
	sum, marked := s.hasher.Attributes(attributes)
	series := s.seriesOf(sum)
	if owner := s.ownerOf(marked); owner != s.account.Owner {
		s.account = budget.Account{Owner: owner}
	}
	if p.Flags().NoRecordedValue() {
		return s.ended(series, identity.Series(s.scope, s.id.Stream, sum))
	}
	verdict := s.table.AdmitTo(&s.account, series, s.at)
	if s.rule.Heaviest {
		verdict = s.weigh(verdict, series, p)
	}
	if verdict == budget.Known && s.promotions == 0 {
		s.tally[passed][noReason]++
		return false
	}
	s.refused = refusal{series: series, sum: sum, attributes: attributes}
	why := s.newcomer(verdict, p)
	if why == noReason {
		return s.pass(p)
	}
	o, r := s.refuse(why, p)
	s.tally[o][r]++
	return o >= foldedAttribute
}

// ownerOf returns who pays for the series of the metric in hand.
func (s *sieve) ownerOf(marked bool) budget.Owner {
	owner := budget.Owner{Tenant: s.tenant.Key, Metric: s.id.Name, Limit: s.rule.Series}
	switch {
	case s.entities:
		owner.Metric = entityOwner
	case marked:
		owner.Metric = s.id.Marked
	}
	return owner
}

// weigh lets the weight of a series count, and gives it the place of a lighter one if it
// should have that.
func (s *sieve) weigh(verdict budget.Verdict, series uint64, p *fold.Point) budget.Verdict {
	of, weight := rank.Metric{Tenant: s.account.Tenant, Metric: s.account.Metric}, 1.0
	if s.form.Type != pmetric.MetricTypeGauge {
		weight = p.Weight()
	}
	switch {
	case verdict.Admitted():
		s.ranks.Known(of, series, weight, s.now)
	case verdict == budget.MetricFull:
		lighter, ok := s.ranks.Refused(of, s.account.Limit, series, weight, s.now)
		if ok && s.release(lighter, lighter) {
			return s.table.AdmitTo(&s.account, series, s.at)
		}
	}
	return verdict
}

// pass lets a point through, unless it is one of a series that was folded before and comes
// from that time.
func (s *sieve) pass(p *fold.Point) bool {
	if s.form.Sourced() && s.promotions > 0 && !s.observesOnly {
		if lost := ofLedger(s.ledger.Rebase(s.refused.series, p, s.ts)); lost != noReason {
			s.tally[dropped][lost]++
			return true
		}
	}
	s.tally[passed][noReason]++
	return false
}

// entityOwner is what all entities of a tenant are counted under.
const entityOwner = 0x7f4a7c159e3779b9

// seriesOf returns the fingerprint of what takes a place.
func (s *sieve) seriesOf(sum uint64) uint64 {
	if s.entities {
		return identity.Series(s.resource, entityOwner, sum)
	}
	return identity.Series(s.scope, s.id.Stream, sum)
}

// newcomer looks closer at a series that was not simply known, and returns why it has no
// place, if it has none. It remembers what refuse needs to know.
func (s *sieve) newcomer(verdict budget.Verdict, p *fold.Point) reason {
	series, sum := s.refused.series, s.refused.sum
	if s.entities {
		s.refused.series = identity.Series(s.scope, s.id.Stream, sum)
	}
	if !verdict.Admitted() {
		return ofVerdict(verdict)
	}
	if s.rule.Values > 0 && verdict != budget.Known && !s.admitValues(s.refused.attributes) && verdict != budget.Renewed {
		s.table.Release(series)
		return attributeFull
	}
	if verdict <= budget.Renewed {
		return noReason
	}
	if s.form.Sourced() {
		switch s.ledger.Promote(s.refused.series, p, s.ts) {
		case ledger.Rebased:
			s.promotions++
		case ledger.TooEarly:
			s.table.Release(series)
			return metricFull // as it was when the point was made
		}
	}
	if verdict == budget.AddedHigh && !s.observesOnly {
		s.board.Added(s.caseOf(), s.refused.series, sum, s.pairsOf(s.refused.attributes), s.now)
	}
	return noReason
}

// admitValues reports whether every attribute's value has a place, and gives it one. The
// value that has none is remembered as the one to blame.
func (s *sieve) admitValues(attributes pcommon.Map) bool {
	all, owner := true, &s.account.Owner
	for key, value := range attributes.All() {
		of := budget.Owner{Tenant: owner.Tenant, Metric: identity.Mix(owner.Metric ^ s.hasher.Text(key)), Limit: s.rule.Values}
		member := identity.Mix(s.hasher.Pair(key, value) ^ of.Metric ^ owner.Tenant)
		if !s.values.Admit(of, member, s.at).Admitted() && all {
			all = false
			s.refused.blamed = key
		}
	}
	return all
}

// ended handles a point that says that its series ends. The end of a series that nobody
// knows must not begin one.
func (s *sieve) ended(series, source uint64) bool {
	switch {
	case s.ledger.End(source):
		s.tally[dropped][noRecordedValue]++
		return true
	case !s.entities && s.release(series, source):
	case !s.table.Peek(s.account.Owner, series).Admitted() && s.rule.Action != rule.Observe:
		s.tally[dropped][noRecordedValue]++
		return true
	}
	s.tally[passed][noReason]++
	return false
}

// release takes the place of a series away. Should it come back and be folded, what it says
// of its past was written under its own name.
func (s *sieve) release(series, source uint64) bool {
	if !s.table.Release(series) {
		return false
	}
	if s.form.Cumulative {
		s.released.Store(uint64(s.ts))
		s.ledger.Demote(source)
	}
	return true
}
