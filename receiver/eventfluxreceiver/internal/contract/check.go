// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"iter"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

const (
	namespace       = "eventflux."
	namespaceCustom = "eventflux.custom."
	keyOverflow     = "otel.metric.overflow"
	keyUnknown      = "eventflux.unknown"
)

// plan is what the check of one metric, span or event needs of the conventions.
type plan struct {
	metric     semconv.Metric // none for spans and events
	instrument semconv.Instrument
	name, unit string
	kind       ptrace.SpanKind // of spans
	uses       []use
	// generic says that other software has metrics of the name too.
	generic bool
}

// use is an attribute where it is used, with what is asked for every point.
type use struct {
	semconv.Use
	key  string
	text bool // a string that may be anything
}

func usesOf(all iter.Seq[semconv.Use]) []use {
	var uses []use
	for u := range all {
		uses = append(uses, use{Use: u, key: u.Key(), text: u.Type() == semconv.String})
	}
	return uses
}

// genericNames begin the names of metrics that not only engines have.
var genericNames = []string{"connection", "process."}

var metricPlans = func() map[string]*plan {
	plans := make(map[string]*plan)
	for m := range semconv.Metrics() {
		plans[m.Name()] = &plan{
			metric: m, instrument: m.Instrument(), name: m.Name(), unit: m.Unit(),
			uses: usesOf(m.Attributes()),
			generic: slices.ContainsFunc(genericNames, func(start string) bool {
				return strings.HasPrefix(m.Name(), start)
			}),
		}
	}
	return plans
}()

var kinds = map[string]ptrace.SpanKind{
	"internal": ptrace.SpanKindInternal,
	"producer": ptrace.SpanKindProducer,
	"consumer": ptrace.SpanKindConsumer,
}

var spanPlans = func() map[string]*plan {
	plans := make(map[string]*plan)
	for s := range semconv.Spans() {
		plans[s.Name()] = &plan{name: s.Name(), kind: kinds[s.Kind()], uses: usesOf(s.Attributes())}
	}
	return plans
}()

var eventPlans = func() map[string]*plan {
	plans := make(map[string]*plan)
	for e := range semconv.Events() {
		plans[e.Name()] = &plan{name: e.Name(), uses: usesOf(e.Attributes())}
	}
	return plans
}()

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

// CheckSpans does for the spans of one resource what CheckMetrics does for
// metrics. Other software has spans of the same names, so only those of an engine
// are looked at. Its spans outside the conventions pass.
func (p *Policy) CheckSpans(rs ptrace.ResourceSpans, engine bool, did *Report) {
	p.resource(rs.Resource())
	if !engine {
		return
	}
	scopes := rs.ScopeSpans()
	for i := range scopes.Len() {
		spans := scopes.At(i).Spans()
		if !p.changes() {
			for j := range spans.Len() {
				p.span(spans.At(j), did)
			}
			continue
		}
		spans.RemoveIf(func(s ptrace.Span) bool { return p.span(s, did) })
	}
	if did.RejectedItems() > 0 {
		scopes.RemoveIf(func(ss ptrace.ScopeSpans) bool { return ss.Spans().Len() == 0 })
	}
}

// CheckRecords does for the log records of one resource what CheckMetrics does
// for metrics. Records that are no events of the namespace eventflux pass.
func (p *Policy) CheckRecords(rl plog.ResourceLogs, did *Report) {
	p.resource(rl.Resource())
	scopes := rl.ScopeLogs()
	for i := range scopes.Len() {
		records := scopes.At(i).LogRecords()
		if !p.changes() {
			for j := range records.Len() {
				p.record(records.At(j), did)
			}
			continue
		}
		records.RemoveIf(func(r plog.LogRecord) bool { return p.record(r, did) })
	}
	if did.RejectedItems() > 0 {
		scopes.RemoveIf(func(sl plog.ScopeLogs) bool { return sl.LogRecords().Len() == 0 })
	}
}

func (p *Policy) span(s ptrace.Span, did *Report) (out bool) {
	known, ok := semconv.LookupSpan(s.Name())
	if !ok {
		return false
	}
	conventions := spanPlans[known.Name()]
	// A kind that is not said is internal, see
	// https://opentelemetry.io/docs/specs/otel/trace/api/#spankind.
	kind := max(s.Kind(), ptrace.SpanKindInternal)
	if kind != conventions.kind {
		if did.found(WrongType) {
			did.First[WrongType] = Finding{
				Rule: WrongType, Name: conventions.name,
				Got: "span of kind " + kind.String(), Want: "span of kind " + conventions.kind.String(),
			}
		}
		if p.rejects(WrongType) {
			did.Rejected[WrongType]++
			return true
		}
	}
	check := attributeCheck{policy: p, did: did, plan: conventions}
	return check.out(s.Attributes())
}

func (p *Policy) record(r plog.LogRecord, did *Report) (out bool) {
	name := r.EventName()
	if !strings.HasPrefix(name, namespace) || strings.HasPrefix(name, namespaceCustom) {
		return false
	}
	conventions, ok := eventPlans[name]
	if !ok {
		if did.found(UnknownName) {
			did.First[UnknownName] = Finding{Rule: UnknownName, Name: name}
		}
		if p.rejects(UnknownName) {
			did.Rejected[UnknownName]++
			return true
		}
		return false
	}
	check := attributeCheck{policy: p, did: did, plan: conventions}
	return check.out(r.Attributes())
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
		did.Rejected[by] += pointCount(m)
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
	before := pointCount(m)
	removePoints(m, check.out)
	return before > 0 && pointCount(m) == 0
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
			did.Rejected[UnknownName] += pointCount(m)
			return true
		}
	}
	switch p.Unknown {
	case Drop:
		did.Dropped += pointCount(m)
		return true
	case Tag:
		did.Tagged += pointCount(m)
		eachPoint(m, func(attrs pcommon.Map) { attrs.PutBool(keyUnknown, true) })
	default: // it passes
	}
	return false
}

// shape checks what all points of a metric have in common. It returns the first
// rule that takes the metric out, noRule where it stays.
func (p *Policy) shape(m pmetric.Metric, want *plan, did *Report) (by Rule) {
	by = noRule
	broken := func(r Rule) (first bool) {
		if by == noRule && p.rejects(r) {
			by = r
		}
		return did.found(r)
	}
	if !typeFits(want.instrument, m) {
		if broken(WrongType) {
			did.First[WrongType] = Finding{Rule: WrongType, Name: want.name, Got: typeName(m), Want: want.instrument.String()}
		}
		if p.fixes(WrongType) {
			setAside(m, did)
		}
	}
	if t, has := temporality(m); has && t != pmetric.AggregationTemporalityCumulative {
		if broken(WrongTemporality) {
			did.First[WrongTemporality] = Finding{
				Rule: WrongTemporality, Name: want.name, Got: t.String(),
				Want: pmetric.AggregationTemporalityCumulative.String(),
			}
		}
		if p.fixes(WrongTemporality) && t == pmetric.AggregationTemporalityUnspecified {
			setCumulative(m, did)
		}
	}
	if !sameUnit(m.Unit(), want.unit) {
		if broken(WrongUnit) {
			did.First[WrongUnit] = Finding{Rule: WrongUnit, Name: want.name, Got: m.Unit(), Want: want.unit}
		}
		if p.fixes(WrongUnit) && scale(m, want.unit) {
			did.Repaired[Scaled] += pointCount(m)
		}
	}
	return by
}

// typeFits says whether the metric gives the series that the instrument does. A
// gauge and a sum that is not monotonic give the same.
func typeFits(i semconv.Instrument, m pmetric.Metric) bool {
	switch m.Type() {
	case pmetric.MetricTypeSum:
		return m.Sum().IsMonotonic() == (i == semconv.Counter) && i != semconv.Histogram
	case pmetric.MetricTypeGauge:
		return i == semconv.Gauge || i == semconv.UpDownCounter
	case pmetric.MetricTypeHistogram, pmetric.MetricTypeExponentialHistogram:
		return i == semconv.Histogram
	default:
		return false
	}
}

func typeName(m pmetric.Metric) string {
	if m.Type() != pmetric.MetricTypeSum {
		return m.Type().String()
	}
	if m.Sum().IsMonotonic() {
		return "monotonic Sum"
	}
	return "non-monotonic Sum"
}

// temporality returns the temporality, and whether the type has one.
func temporality(m pmetric.Metric) (pmetric.AggregationTemporality, bool) {
	switch m.Type() {
	case pmetric.MetricTypeSum:
		return m.Sum().AggregationTemporality(), true
	case pmetric.MetricTypeHistogram:
		return m.Histogram().AggregationTemporality(), true
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().AggregationTemporality(), true
	default:
		return pmetric.AggregationTemporalityUnspecified, false
	}
}

// sameUnit compares without annotations such as {event}: they change no series.
func sameUnit(a, b string) bool {
	return a == b || annotation(a) && annotation(b)
}

func annotation(unit string) bool {
	return unit == "" || unit[0] == '{' && strings.IndexByte(unit, '}') == len(unit)-1
}

func valueFits(u *use, v pcommon.Value) bool {
	if u.text {
		return v.Type() == pcommon.ValueTypeStr
	}
	return valueListed(u, v)
}

// valueListed is valueFits for what is not just text.
func valueListed(u *use, v pcommon.Value) bool {
	switch u.Type() {
	case semconv.Int:
		return v.Type() == pcommon.ValueTypeInt
	case semconv.Double:
		return v.Type() == pcommon.ValueTypeDouble || v.Type() == pcommon.ValueTypeInt
	default:
		return v.Type() == pcommon.ValueTypeStr && u.Allows(v.Str())
	}
}

func wanted(u *use) string {
	if u.Type() != semconv.Enum {
		return "a value of type " + u.Type().String()
	}
	var values []string
	for v := range u.Values() {
		values = append(values, v)
	}
	return "one of " + strings.Join(values, ", ")
}
