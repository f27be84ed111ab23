// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package exposition

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

// value is that of every point.
const value = 3.0

var bounds = []float64{1, 10}

// everyMetric is what an engine sends that has one point of each metric.
func everyMetric() pmetric.Metrics {
	all := pmetric.NewMetrics()
	engine := all.ResourceMetrics().AppendEmpty()
	engine.Resource().Attributes().PutStr("service.name", "engine")
	engine.Resource().Attributes().PutStr("service.instance.id", "1")
	scope := engine.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName("engine")
	for m := range semconv.Metrics() {
		one := scope.Metrics().AppendEmpty()
		one.SetName(m.Name())
		one.SetUnit(m.Unit())
		one.SetDescription("A metric.")
		fill(one, m)
	}
	return all
}

func fill(one pmetric.Metric, m semconv.Metric) {
	switch m.Instrument() {
	case semconv.Histogram:
		h := one.SetEmptyHistogram()
		h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := h.DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		p.ExplicitBounds().FromRaw(bounds)
		p.BucketCounts().FromRaw([]uint64{0, 1, 0})
		p.SetCount(1)
		p.SetSum(value)
		set(p.Attributes(), m)
	case semconv.Gauge:
		number(one.SetEmptyGauge().DataPoints().AppendEmpty(), m)
	default:
		s := one.SetEmptySum()
		s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		s.SetIsMonotonic(m.Instrument() == semconv.Counter)
		number(s.DataPoints().AppendEmpty(), m)
	}
}

func number(p pmetric.NumberDataPoint, m semconv.Metric) {
	p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	p.SetDoubleValue(value)
	set(p.Attributes(), m)
}

// set puts all attributes of a metric: the first value of an enum, a word for other strings.
func set(attributes pcommon.Map, m semconv.Metric) {
	for u := range m.Attributes() {
		word := "x"
		if values := slices.Collect(u.Values()); len(values) > 0 {
			word = values[0]
		}
		attributes.PutStr(u.Key(), word)
	}
}
