// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

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
			did.Repaired[Scaled] += datapoints.Count(m)
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
