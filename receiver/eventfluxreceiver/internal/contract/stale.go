// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
)

// splitStale gives each point that ends a series a metric of its own, behind the
// others. The exporter ends the series of such a point and then forgets the rest
// of its metric.
func splitStale(metrics pmetric.MetricSlice, did *Report) {
	for i := range metrics.Len() {
		m := metrics.At(i)
		ends := staleCount(m)
		if ends == 0 || datapoints.Count(m) == 1 {
			continue
		}
		stays := ends == datapoints.Count(m) // the metric keeps its first point, at least
		if stays {
			ends--
		}
		did.Repaired[Split] += ends
		moveStale(m, func() bool { first := stays; stays = false; return first }, func() pmetric.Metric {
			apart := metrics.AppendEmpty()
			copyWithoutPoints(m, apart)
			return apart
		})
	}
}

// staleCount returns how many points end a series.
func staleCount(m pmetric.Metric) (n int) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		points := m.Gauge().DataPoints()
		for i := range points.Len() {
			if points.At(i).Flags().NoRecordedValue() {
				n++
			}
		}
	case pmetric.MetricTypeSum:
		points := m.Sum().DataPoints()
		for i := range points.Len() {
			if points.At(i).Flags().NoRecordedValue() {
				n++
			}
		}
	case pmetric.MetricTypeHistogram:
		points := m.Histogram().DataPoints()
		for i := range points.Len() {
			if points.At(i).Flags().NoRecordedValue() {
				n++
			}
		}
	case pmetric.MetricTypeExponentialHistogram:
		points := m.ExponentialHistogram().DataPoints()
		for i := range points.Len() {
			if points.At(i).Flags().NoRecordedValue() {
				n++
			}
		}
	case pmetric.MetricTypeSummary:
		points := m.Summary().DataPoints()
		for i := range points.Len() {
			if points.At(i).Flags().NoRecordedValue() {
				n++
			}
		}
	default: // without points
	}
	return n
}

// moveStale moves each point that ends a series, unless it may stay, into the
// metric that apart makes for it.
func moveStale(m pmetric.Metric, stay func() bool, apart func() pmetric.Metric) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		m.Gauge().DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool {
			if !p.Flags().NoRecordedValue() || stay() {
				return false
			}
			p.MoveTo(apart().Gauge().DataPoints().AppendEmpty())
			return true
		})
	case pmetric.MetricTypeSum:
		m.Sum().DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool {
			if !p.Flags().NoRecordedValue() || stay() {
				return false
			}
			p.MoveTo(apart().Sum().DataPoints().AppendEmpty())
			return true
		})
	case pmetric.MetricTypeHistogram:
		m.Histogram().DataPoints().RemoveIf(func(p pmetric.HistogramDataPoint) bool {
			if !p.Flags().NoRecordedValue() || stay() {
				return false
			}
			p.MoveTo(apart().Histogram().DataPoints().AppendEmpty())
			return true
		})
	case pmetric.MetricTypeExponentialHistogram:
		m.ExponentialHistogram().DataPoints().RemoveIf(func(p pmetric.ExponentialHistogramDataPoint) bool {
			if !p.Flags().NoRecordedValue() || stay() {
				return false
			}
			p.MoveTo(apart().ExponentialHistogram().DataPoints().AppendEmpty())
			return true
		})
	case pmetric.MetricTypeSummary:
		m.Summary().DataPoints().RemoveIf(func(p pmetric.SummaryDataPoint) bool {
			if !p.Flags().NoRecordedValue() || stay() {
				return false
			}
			p.MoveTo(apart().Summary().DataPoints().AppendEmpty())
			return true
		})
	default: // without points
	}
}

func copyWithoutPoints(from, to pmetric.Metric) {
	to.SetName(from.Name())
	to.SetUnit(from.Unit())
	to.SetDescription(from.Description())
	from.Metadata().CopyTo(to.Metadata())
	switch from.Type() {
	case pmetric.MetricTypeGauge:
		to.SetEmptyGauge()
	case pmetric.MetricTypeSum:
		to.SetEmptySum().SetIsMonotonic(from.Sum().IsMonotonic())
		to.Sum().SetAggregationTemporality(from.Sum().AggregationTemporality())
	case pmetric.MetricTypeHistogram:
		to.SetEmptyHistogram().SetAggregationTemporality(from.Histogram().AggregationTemporality())
	case pmetric.MetricTypeExponentialHistogram:
		to.SetEmptyExponentialHistogram().SetAggregationTemporality(from.ExponentialHistogram().AggregationTemporality())
	case pmetric.MetricTypeSummary:
		to.SetEmptySummary()
	default: // without points
	}
}
