// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
)

// sieve goes through one batch, leaves in it what may pass, and keeps what folds.
type sieve struct {
	*limiter
	at  budget.Tick
	now time.Time

	tally  tally
	excess *fold.Batch // nil until something folds

	// of the place where the sieve is
	resource, scope uint64
	metric          pmetric.Metric
	id              identity.Metric
	warned          bool
}

func (s *sieve) metrics(md pmetric.Metrics) {
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		s.resource = s.hasher.Resource(rm.Resource().Attributes())
		had := rm.ScopeMetrics().Len()
		rm.ScopeMetrics().RemoveIf(s.inScope)
		return had > 0 && rm.ScopeMetrics().Len() == 0
	})
}

func (s *sieve) inScope(sm pmetric.ScopeMetrics) bool {
	s.scope = s.hasher.Scope(s.resource, sm.Scope())
	had := sm.Metrics().Len()
	sm.Metrics().RemoveIf(s.inMetric)
	return had > 0 && sm.Metrics().Len() == 0
}

// inMetric returns true if no point is left. A metric that came without points stays.
func (s *sieve) inMetric(m pmetric.Metric) bool {
	s.metric, s.id, s.warned = m, s.hasher.Metric(m), false
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return removeNumbers(s, m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		return removeNumbers(s, m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		points := m.Histogram().DataPoints()
		had := points.Len()
		points.RemoveIf(func(p pmetric.HistogramDataPoint) bool { return s.drop(p.Attributes(), p.Flags()) })
		return had > 0 && points.Len() == 0
	case pmetric.MetricTypeExponentialHistogram:
		points := m.ExponentialHistogram().DataPoints()
		had := points.Len()
		points.RemoveIf(func(p pmetric.ExponentialHistogramDataPoint) bool { return s.drop(p.Attributes(), p.Flags()) })
		return had > 0 && points.Len() == 0
	case pmetric.MetricTypeSummary:
		points := m.Summary().DataPoints()
		had := points.Len()
		points.RemoveIf(func(p pmetric.SummaryDataPoint) bool { return s.drop(p.Attributes(), p.Flags()) })
		return had > 0 && points.Len() == 0
	default:
		return false
	}
}

func removeNumbers(s *sieve, points pmetric.NumberDataPointSlice) bool {
	had := points.Len()
	points.RemoveIf(s.number)
	return had > 0 && points.Len() == 0
}

// number returns whether the point is to be taken out, and folds it if so.
func (s *sieve) number(p pmetric.NumberDataPoint) bool {
	verdict := s.judge(p.Attributes(), p.Flags())
	if verdict.Admitted() {
		s.tally.passed++
		return false
	}
	reason := s.obstacle(verdict, p.Flags())
	if reason == fold.Foldable {
		reason = s.fold(p)
	}
	if reason == fold.Foldable {
		s.tally.folded[verdict]++
	} else {
		s.tally.dropped[reason]++
	}
	return true
}

// drop returns whether a point of a type that does not fold is to be taken out.
func (s *sieve) drop(attributes pcommon.Map, flags pmetric.DataPointFlags) bool {
	verdict := s.judge(attributes, flags)
	if verdict.Admitted() {
		s.tally.passed++
		return false
	}
	s.tally.dropped[s.obstacle(verdict, flags)]++
	return true
}

// judge asks whether the point's series may exist. The end of a series that nobody
// knows must not begin one, so a point without a recorded value takes no place.
func (s *sieve) judge(attributes pcommon.Map, flags pmetric.DataPointFlags) budget.Verdict {
	series, marked := s.hasher.Series(s.scope, s.id.Stream, attributes)
	metric := s.id.Name
	if marked {
		metric = s.id.Marked
	}
	if flags.NoRecordedValue() {
		return s.table.Peek(metric, series)
	}
	verdict := s.table.Admit(metric, series, s.at)
	if !verdict.Admitted() && !s.warned {
		s.warned = true
		s.announce(metric, verdict)
	}
	return verdict
}

// announce warns of the metric in hand the first time that it is over a limit.
func (s *sieve) announce(metric uint64, verdict budget.Verdict) {
	if verdict == budget.MetricLimit {
		s.warn.metricLimit(s.metric.Name(), s.now)
		return
	}
	if s.table.Announce(metric) {
		_, reason := fold.FormOf(s.metric)
		s.warn.full(s.metric.Name(), verdict, reason, s.now)
	}
}

// obstacle returns what keeps a refused point from being folded, apart from its value.
func (s *sieve) obstacle(verdict budget.Verdict, flags pmetric.DataPointFlags) fold.Reason {
	if flags.NoRecordedValue() {
		return fold.NoRecordedValue
	}
	if verdict == budget.MetricLimit {
		return fold.MetricLimit
	}
	_, reason := fold.FormOf(s.metric)
	return reason
}

func (s *sieve) fold(p pmetric.NumberDataPoint) fold.Reason {
	if s.excess == nil {
		s.excess = s.ledger.NewBatch(pcommon.NewTimestampFromTime(s.now))
	}
	form, _ := fold.FormOf(s.metric)
	return s.excess.Add(fold.Stream{
		Key:         s.id.Stream,
		Name:        s.metric.Name(),
		Description: s.metric.Description(),
		Unit:        s.metric.Unit(),
		Form:        form,
	}, p)
}
