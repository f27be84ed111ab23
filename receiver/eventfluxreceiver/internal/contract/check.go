// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
)

const (
	namespace       = "eventflux."
	namespaceCustom = "eventflux.custom."
	keyOverflow     = "otel.metric.overflow"
	keyUnknown      = "eventflux.unknown"
)

// CheckMetrics holds the metrics of one resource against the conventions, adds
// what it finds to did, and does what the policy says about it.
//
// Names outside the conventions and the namespace eventflux belong to other
// software. So do names of the conventions that other software has as well,
// unless engine says that an engine sends them. Names under eventflux.custom
// belong to the engine and pass. Points that a cardinality limit folded lack
// attributes on purpose and pass too. The cost is one look-up for the metric and
// one for each attribute of each point; without a breach nothing is allocated.
//
// Where the policy exposes, three more things are repaired on the way, for all
// names but those of other software: attributes that would become one label,
// points that end a series beside others, and series that come twice.
func (p *Policy) CheckMetrics(rm pmetric.ResourceMetrics, engine bool, did *Report) {
	p.resource(rm.Resource())
	scopes := rm.ScopeMetrics()
	seen := scopesSeen{many: scopes.Len() > 1}
	for i := range scopes.Len() {
		metrics := scopes.At(i).Metrics()
		seen.scope, seen.earlier = i, did.Sent
		if !p.changes() {
			for j := range metrics.Len() {
				p.metric(metrics.At(j), engine, did, &seen)
			}
			continue
		}
		metrics.RemoveIf(func(m pmetric.Metric) bool { return p.metric(m, engine, did, &seen) })
		if p.Expose {
			splitStale(metrics, did)
		}
	}
	if p.Expose && seen.many && seen.several() {
		takeOutDoubles(rm, &seen, did)
	}
	if did.RejectedItems()+did.Dropped+did.Repaired[Doubled] > 0 {
		scopes.RemoveIf(func(sm pmetric.ScopeMetrics) bool { return sm.Metrics().Len() == 0 })
	}
}

// metric checks one metric and takes points out. It reports whether the whole
// metric is to go, too.
func (p *Policy) metric(m pmetric.Metric, engine bool, did *Report, seen *scopesSeen) (out bool) {
	conventions, ok := metricPlans[m.Name()]
	if !ok || conventions.generic && !engine {
		return p.unknown(m, engine, did, seen)
	}
	seen.add(conventions.metric)
	did.Sent.Add(conventions.metric)
	if by := p.shape(m, conventions, did); by != noRule {
		did.Rejected[by] += datapoints.Count(m)
		return true
	}
	if len(conventions.uses) == 0 && !p.Expose {
		return false
	}
	check := attributeCheck{policy: p, did: did, plan: conventions, labels: p.Expose}
	if !p.rejects(MissingAttribute) && !p.rejects(WrongValue) {
		eachPoint(m, func(attrs pcommon.Map) { check.out(attrs) })
		return false
	}
	before := datapoints.Count(m)
	removePoints(m, check.out)
	return before > 0 && datapoints.Count(m) == 0
}

// unknown checks a metric that is not in the conventions, or not an engine's.
func (p *Policy) unknown(m pmetric.Metric, engine bool, did *Report, seen *scopesSeen) (out bool) {
	name := m.Name()
	own := strings.HasPrefix(name, namespace)
	if own && p.Expose {
		check := attributeCheck{policy: p, did: did, plan: &plan{}, labels: true}
		eachPoint(m, func(attrs pcommon.Map) { check.out(attrs) })
		if seen.many {
			seen.addOwn(name)
		}
	}
	if own && strings.HasPrefix(name, namespaceCustom) {
		return false
	}
	var now string
	if !p.fixes(UnknownName) { // else it has been renamed if it can be
		if a, old := lookupAlias(name); old && (engine || !a.generic) {
			now = a.name
		}
	}
	if own || now != "" {
		if did.found(UnknownName) {
			did.First[UnknownName] = Finding{Rule: UnknownName, Name: name, Want: now}
		}
		if p.rejects(UnknownName) {
			did.Rejected[UnknownName] += datapoints.Count(m)
			return true
		}
	}
	switch p.Unknown {
	case Drop:
		did.Dropped += datapoints.Count(m)
		return true
	case Tag:
		did.Tagged += datapoints.Count(m)
		eachPoint(m, func(attrs pcommon.Map) { attrs.PutBool(keyUnknown, true) })
	default: // it passes
	}
	return false
}
