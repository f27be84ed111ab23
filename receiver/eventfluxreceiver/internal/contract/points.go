// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
)

// FirstAttributes returns the attributes of the first point of a metric of any
// type, and whether there is one. It allocates nothing.
func FirstAttributes(m pmetric.Metric) (attrs pcommon.Map, found bool) {
	if datapoints.Count(m) == 0 {
		return attrs, false
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints().At(0).Attributes(), true
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints().At(0).Attributes(), true
	case pmetric.MetricTypeHistogram:
		return m.Histogram().DataPoints().At(0).Attributes(), true
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().DataPoints().At(0).Attributes(), true
	default: // the only other type with points
		return m.Summary().DataPoints().At(0).Attributes(), true
	}
}

// eachPoint calls do with the attributes of each point.
func eachPoint(m pmetric.Metric, do func(pcommon.Map)) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		points := m.Gauge().DataPoints()
		for i := range points.Len() {
			do(points.At(i).Attributes())
		}
	case pmetric.MetricTypeSum:
		points := m.Sum().DataPoints()
		for i := range points.Len() {
			do(points.At(i).Attributes())
		}
	case pmetric.MetricTypeHistogram:
		points := m.Histogram().DataPoints()
		for i := range points.Len() {
			do(points.At(i).Attributes())
		}
	case pmetric.MetricTypeExponentialHistogram:
		points := m.ExponentialHistogram().DataPoints()
		for i := range points.Len() {
			do(points.At(i).Attributes())
		}
	case pmetric.MetricTypeSummary:
		points := m.Summary().DataPoints()
		for i := range points.Len() {
			do(points.At(i).Attributes())
		}
	default: // without points
	}
}

// removePoints takes the points out whose attributes say so.
func removePoints(m pmetric.Metric, out func(pcommon.Map) bool) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		m.Gauge().DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool { return out(p.Attributes()) })
	case pmetric.MetricTypeSum:
		m.Sum().DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool { return out(p.Attributes()) })
	case pmetric.MetricTypeHistogram:
		m.Histogram().DataPoints().RemoveIf(func(p pmetric.HistogramDataPoint) bool { return out(p.Attributes()) })
	case pmetric.MetricTypeExponentialHistogram:
		m.ExponentialHistogram().DataPoints().RemoveIf(func(p pmetric.ExponentialHistogramDataPoint) bool { return out(p.Attributes()) })
	case pmetric.MetricTypeSummary:
		m.Summary().DataPoints().RemoveIf(func(p pmetric.SummaryDataPoint) bool { return out(p.Attributes()) })
	default: // without points
	}
}
