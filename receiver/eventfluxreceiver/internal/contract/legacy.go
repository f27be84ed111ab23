// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
)

// Rename gives the metrics of one resource that have names of older engines, or
// names as Prometheus spells them, their names of today, if the policy fixes
// names. It comes before CheckMetrics, which repairs the rest of them.
//
// A metric of an older name is left as it is when its type cannot be that of its
// new name, such as a rate where a counter is wanted. Where two metrics of the
// resource would get one name, a series that both have would be counted twice,
// or dropped by the Prometheus exporter: that of the metric with the new name
// stays, else that of the first, and the points of the other are taken out.
// Series that only one of them has stay. Names that other software has too are
// renamed only for an engine: where engine says so, or where the resource has a
// metric that no one else has. Without such a name the cost is a look-up for
// each metric.
func (p *Policy) Rename(rm pmetric.ResourceMetrics, engine bool, did *Report) {
	if p.Rules[UnknownName] != Fix {
		return
	}
	taken, found := takeCensus(rm)
	if !found {
		return
	}
	taken.engine = taken.engine || engine
	for _, sm := range rm.ScopeMetrics().All() {
		sm.Metrics().RemoveIf(func(m pmetric.Metric) bool { return taken.rename(m, did) })
	}
}

// census is what the metrics of one resource are called.
type census struct {
	now    map[string]string              // names of the conventions, and under which name each came
	engine bool                           // a name is there that only engines have
	series map[string]map[string]struct{} // by name of the conventions, of the metrics that have it
}

// takeCensus looks at all names if one is there that may have to change.
func takeCensus(rm pmetric.ResourceMetrics) (c census, found bool) {
	for _, sm := range rm.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			if _, known := metricPlans[m.Name()]; !known {
				_, old := lookupAlias(m.Name())
				found = found || old
			}
		}
	}
	if !found {
		return census{}, false
	}
	c = census{now: make(map[string]string), series: make(map[string]map[string]struct{})}
	for _, sm := range rm.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			if known, ok := metricPlans[m.Name()]; ok {
				c.engine = c.engine || !known.generic
				c.now[m.Name()] = m.Name()
				c.add(m)
			} else if a, old := lookupAlias(m.Name()); old {
				c.engine = c.engine || !a.generic
			}
		}
	}
	return c, true
}

// rename gives a metric its name of today. It reports whether nothing is left of
// the metric.
func (c *census) rename(m pmetric.Metric, did *Report) (out bool) {
	old := m.Name()
	if _, known := metricPlans[old]; known {
		return false
	}
	a, ok := lookupAlias(old)
	if !ok || a.generic && !c.engine || !a.same && !typeFits(a.instrument, m) {
		return false
	}
	if did.found(UnknownName) {
		did.First[UnknownName] = Finding{Rule: UnknownName, Name: old, Want: a.name}
	}
	by, ok := c.now[a.name]
	if !ok {
		by = old
		c.now[a.name] = by
	}
	m.SetName(a.name)
	if unit := m.Unit(); a.says != "" && (unit == "1" || annotation(unit)) {
		m.SetUnit(a.says)
	}
	eachPoint(m, func(attrs pcommon.Map) { relabel(attrs, a.uses) })
	before := datapoints.Count(m)
	if by != old {
		takeOut(m, c.series[a.name])
		did.Repaired[Doubled] += before - datapoints.Count(m)
	}
	c.add(m)
	did.Repaired[Renamed] += datapoints.Count(m)
	return by != old && datapoints.Count(m) == 0
}

// add notes the series of a metric.
func (c *census) add(m pmetric.Metric) {
	series := c.series[m.Name()]
	if series == nil {
		series = make(map[string]struct{})
		c.series[m.Name()] = series
	}
	eachPoint(m, func(attrs pcommon.Map) { series[labels(attrs)] = struct{}{} })
}

// takeOut removes the points of series.
func takeOut(m pmetric.Metric, series map[string]struct{}) {
	removePoints(m, func(attrs pcommon.Map) bool {
		_, both := series[labels(attrs)]
		return both
	})
}

// labels spells attributes in an order of their own, as Prometheus does: keys
// that become one label and values that become one text are alike.
func labels(attrs pcommon.Map) string {
	pairs := make([]string, 0, attrs.Len())
	for key, value := range attrs.All() {
		if now, old := legacyLabels[key]; old {
			key = now
		}
		pairs = append(pairs, string(spell(nil, key))+"="+strconv.Quote(value.AsString()))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}
