// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"maps"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

// Attributes of where an engine runs. The second has replaced the first in the
// conventions of OpenTelemetry; dashboards read the first.
const (
	keyEnvironment     = "deployment.environment"
	keyEnvironmentName = "deployment.environment.name"
)

// resource adds the name of today to a resource that says where it runs under
// the older one, which stays.
func (p *Policy) resource(res pcommon.Resource) {
	if !p.Expose {
		return
	}
	v, ok := res.Attributes().Get(keyEnvironment)
	if !ok {
		return
	}
	if _, both := res.Attributes().Get(keyEnvironmentName); !both {
		kept := v.AsString()
		res.Attributes().PutStr(keyEnvironmentName, kept)
	}
}

// setAside puts the type of a metric behind its name. Under the name of the
// conventions the exporter would drop it, or the metric of the right type of
// every other engine: whichever it sees last.
func setAside(m pmetric.Metric, did *Report) {
	var kind string
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		kind = ".gauge"
	case pmetric.MetricTypeSum:
		kind = ".updown"
		if m.Sum().IsMonotonic() {
			kind = ".counter"
		}
	case pmetric.MetricTypeHistogram, pmetric.MetricTypeExponentialHistogram:
		kind = ".histogram"
	case pmetric.MetricTypeSummary:
		kind = ".summary"
	default:
		return // nothing in it
	}
	m.SetName(m.Name() + kind)
	did.Repaired[SetAside] += datapoints.Count(m)
}

// setCumulative is for metrics that do not say their temporality, which the
// exporter drops.
func setCumulative(m pmetric.Metric, did *Report) {
	switch m.Type() {
	case pmetric.MetricTypeSum:
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	case pmetric.MetricTypeHistogram:
		m.Histogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	case pmetric.MetricTypeExponentialHistogram:
		m.ExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	default: // has none
	}
	did.Repaired[Cumulative] += datapoints.Count(m)
}

// scopesSeen are the metrics of the scopes of a resource, to find those that come
// in several.
type scopesSeen struct {
	many    bool              // there are several scopes
	scope   int               // the one at hand
	earlier semconv.MetricSet // in scopes before it
	again   semconv.MetricSet // in several
	own     map[string]place  // names of the engine's own
}

// place is where a name came first, and whether it came in another scope, too.
type place struct {
	scope int
	again bool
}

func (s *scopesSeen) add(m semconv.Metric) {
	if s.earlier.Has(m) {
		s.again.Add(m)
	}
}

func (s *scopesSeen) addOwn(name string) {
	if s.own == nil {
		s.own = make(map[string]place)
	}
	at, found := s.own[name]
	if !found {
		at.scope = s.scope
	}
	s.own[name] = place{at.scope, at.again || at.scope != s.scope}
}

// several reports whether a metric comes in several scopes.
func (s *scopesSeen) several() bool {
	for _, at := range s.own {
		if at.again {
			return true
		}
	}
	return s.again != (semconv.MetricSet{})
}

func (s *scopesSeen) inSeveral(m pmetric.Metric) bool {
	if conventions, ok := metricPlans[m.Name()]; ok {
		return s.again.Has(conventions.metric)
	}
	return s.own[m.Name()].again
}

// takeOutDoubles takes out of the metrics that come in several scopes the series
// that a metric of the same name has in an earlier scope. The exporter tells
// series of one resource apart by name and labels alone unless it shows scopes,
// and drops one of two at every scrape.
func takeOutDoubles(rm pmetric.ResourceMetrics, seen *scopesSeen, did *Report) {
	earlier := census{series: make(map[string]map[string]struct{})}
	for _, sm := range rm.ScopeMetrics().All() {
		here := census{series: make(map[string]map[string]struct{})}
		sm.Metrics().RemoveIf(func(m pmetric.Metric) bool {
			if !seen.inSeveral(m) {
				return false
			}
			before := datapoints.Count(m)
			takeOut(m, earlier.series[m.Name()])
			did.Repaired[Doubled] += before - datapoints.Count(m)
			here.add(m)
			return datapoints.Count(m) == 0 && before > 0
		})
		earlier.addAll(here)
	}
}

func (c *census) addAll(other census) {
	for name, series := range other.series {
		if c.series[name] == nil {
			c.series[name] = series
			continue
		}
		maps.Copy(c.series[name], series)
	}
}
