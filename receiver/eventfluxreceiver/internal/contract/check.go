// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

// Rule is one rule of the contract. The list is closed.
type Rule uint8

// The rules.
const (
	UnknownName      Rule = iota // a metric of the namespace eventflux that the conventions do not know
	WrongType                    // a metric whose type gives other series than its instrument does
	WrongTemporality             // a sum or histogram that is not cumulative
	WrongUnit                    // a metric in another unit
	MissingAttribute             // a required attribute is absent or has no value
	WrongValue                   // an attribute of another type, or not one of its list

)

// String returns the stable name of the rule, such as "wrong_unit".
func (r Rule) String() string {
	switch r {
	case UnknownName:
		return "unknown_name"
	case WrongType:
		return "wrong_type"
	case WrongTemporality:
		return "wrong_temporality"
	case WrongUnit:
		return "wrong_unit"
	case MissingAttribute:
		return "missing_attribute"
	case WrongValue:
		return "wrong_value"
	default:
		return "none"
	}
}

// Finding is one breach of the contract.
type Finding struct {
	Rule Rule
	// Name of the metric, span or event.
	Name string
	// Attribute is the key that is missing or wrong, empty for other rules.
	Attribute string
	// Got is what was sent and Want what the conventions have, where that is short.
	Got, Want string
}

// String says what is wrong and the way out.
func (f Finding) String() string {
	switch f.Rule {
	case UnknownName:
		return fmt.Sprintf("metric %q is not in the conventions: rename it to one of them, or to eventflux.custom.*", f.Name)
	case WrongType:
		return fmt.Sprintf("metric %q is a %s: record it with a %s", f.Name, f.Got, f.Want)
	case WrongTemporality:
		return fmt.Sprintf("metric %q has temporality %s: export it as %s", f.Name, f.Got, f.Want)
	case WrongUnit:
		return fmt.Sprintf("metric %q has unit %q: record it in %q", f.Name, f.Got, f.Want)
	case MissingAttribute:
		return fmt.Sprintf("%q lacks attribute %q: set it", f.Name, f.Attribute)
	default:
		return fmt.Sprintf("%q has attribute %q with value %q: set it to %s", f.Name, f.Attribute, f.Got, f.Want)
	}
}

const (
	namespace       = "eventflux."
	namespaceCustom = "eventflux.custom."
	keyOverflow     = "otel.metric.overflow"
)

// plan is what the check of one metric, span or event needs of the conventions.
type plan struct {
	instrument semconv.Instrument
	unit       string
	uses       []semconv.Use
}

var metricPlans = func() map[string]plan {
	plans := make(map[string]plan)
	add := func(m semconv.Metric) {
		p := plan{instrument: m.Instrument(), unit: m.Unit()}
		for u := range m.Attributes() {
			p.uses = append(p.uses, u)
		}
		plans[m.Name()] = p
	}
	for m := range semconv.Metrics() {
		add(m)
	}
	for m := range semconv.Derived() { // an agent sends them
		add(m)
	}
	return plans
}()

// CheckMetric gives every breach in the metric and its points to report.
//
// Names outside the conventions and the namespace eventflux belong to other
// software and pass, as does eventflux.custom.*. Points that a cardinality limit
// folded lack attributes on purpose and pass too. The cost is one look-up for
// the metric and one for each attribute of each point; without a breach nothing
// is allocated.
func CheckMetric(m pmetric.Metric, report func(Finding)) {
	name := m.Name()
	p, ok := metricPlans[name]
	if !ok {
		if strings.HasPrefix(name, namespace) && !strings.HasPrefix(name, namespaceCustom) {
			report(Finding{Rule: UnknownName, Name: name})
		}
		return
	}
	if !typeFits(p.instrument, m) {
		report(Finding{Rule: WrongType, Name: name, Got: typeName(m), Want: p.instrument.String()})
	}
	if t, has := temporality(m); has && t != pmetric.AggregationTemporalityCumulative {
		report(Finding{
			Rule: WrongTemporality, Name: name, Got: t.String(),
			Want: pmetric.AggregationTemporalityCumulative.String(),
		})
	}
	if !sameUnit(m.Unit(), p.unit) {
		report(Finding{Rule: WrongUnit, Name: name, Got: m.Unit(), Want: p.unit})
	}
	if len(p.uses) > 0 {
		checkPoints(m, p.uses, report)
	}
}

// CheckSpan gives every breach in the attributes of a span of the conventions
// to report. Other spans pass.
func CheckSpan(s ptrace.Span, report func(Finding)) {
	kind, ok := semconv.LookupSpan(s.Name())
	if !ok {
		return
	}
	for u := range kind.Attributes() {
		checkUse(kind.Name(), s.Attributes(), u, report)
	}
}

// CheckRecord gives every breach in the attributes of an event of the
// conventions to report. Other log records pass.
func CheckRecord(r plog.LogRecord, report func(Finding)) {
	event, ok := semconv.LookupEvent(r.EventName())
	if !ok {
		return
	}
	for u := range event.Attributes() {
		checkUse(event.Name(), r.Attributes(), u, report)
	}
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

func checkPoints(m pmetric.Metric, uses []semconv.Use, report func(Finding)) {
	name := m.Name()
	switch m.Type() {
	case pmetric.MetricTypeSum:
		checkNumbers(name, m.Sum().DataPoints(), uses, report)
	case pmetric.MetricTypeGauge:
		checkNumbers(name, m.Gauge().DataPoints(), uses, report)
	case pmetric.MetricTypeHistogram:
		points := m.Histogram().DataPoints()
		for i := range points.Len() {
			checkPoint(name, points.At(i).Attributes(), uses, report)
		}
	case pmetric.MetricTypeExponentialHistogram:
		points := m.ExponentialHistogram().DataPoints()
		for i := range points.Len() {
			checkPoint(name, points.At(i).Attributes(), uses, report)
		}
	default:
		// Told as a wrong type already.
	}
}

func checkNumbers(name string, points pmetric.NumberDataPointSlice, uses []semconv.Use, report func(Finding)) {
	for i := range points.Len() {
		checkPoint(name, points.At(i).Attributes(), uses, report)
	}
}

func checkPoint(name string, attrs pcommon.Map, uses []semconv.Use, report func(Finding)) {
	for i := range uses {
		checkUse(name, attrs, uses[i], report)
	}
}

func checkUse(name string, attrs pcommon.Map, u semconv.Use, report func(Finding)) {
	v, ok := attrs.Get(u.Key())
	absent := !ok || v.Type() == pcommon.ValueTypeEmpty
	if absent && !u.Required() || !absent && valueFits(u, v) {
		return
	}
	if _, folded := attrs.Get(keyOverflow); folded {
		return
	}
	if absent {
		report(Finding{Rule: MissingAttribute, Name: name, Attribute: u.Key()})
	} else {
		report(Finding{Rule: WrongValue, Name: name, Attribute: u.Key(), Got: v.AsString(), Want: wanted(u)})
	}
}

func valueFits(u semconv.Use, v pcommon.Value) bool {
	switch u.Type() {
	case semconv.Int:
		return v.Type() == pcommon.ValueTypeInt
	case semconv.Double:
		return v.Type() == pcommon.ValueTypeDouble || v.Type() == pcommon.ValueTypeInt
	default:
		return v.Type() == pcommon.ValueTypeStr && u.Allows(v.Str())
	}
}

func wanted(u semconv.Use) string {
	if u.Type() != semconv.Enum {
		return "a value of type " + u.Type().String()
	}
	var values []string
	for v := range u.Values() {
		values = append(values, v)
	}
	return "one of " + strings.Join(values, ", ")
}
