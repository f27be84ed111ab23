// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
)

// Newest returns the newest timestamp in the metrics of a resource, the zero time
// if there is none. It looks at the first point of each metric: the points of one
// collection have the same.
func Newest(rm pmetric.ResourceMetrics) time.Time {
	var newest pcommon.Timestamp
	scopes := rm.ScopeMetrics()
	for i := range scopes.Len() {
		metrics := scopes.At(i).Metrics()
		for j := range metrics.Len() {
			newest = max(newest, firstTime(metrics.At(j)))
		}
	}
	if newest == 0 {
		return time.Time{}
	}
	return newest.AsTime()
}

func firstTime(m pmetric.Metric) pcommon.Timestamp {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		if points := m.Gauge().DataPoints(); points.Len() > 0 {
			return points.At(0).Timestamp()
		}
	case pmetric.MetricTypeSum:
		if points := m.Sum().DataPoints(); points.Len() > 0 {
			return points.At(0).Timestamp()
		}
	case pmetric.MetricTypeHistogram:
		if points := m.Histogram().DataPoints(); points.Len() > 0 {
			return points.At(0).Timestamp()
		}
	case pmetric.MetricTypeExponentialHistogram:
		if points := m.ExponentialHistogram().DataPoints(); points.Len() > 0 {
			return points.At(0).Timestamp()
		}
	case pmetric.MetricTypeSummary:
		if points := m.Summary().DataPoints(); points.Len() > 0 {
			return points.At(0).Timestamp()
		}
	default: // without points
	}
	return 0
}

// Shift moves the times of all points of a resource, but not the times when their
// series began.
func Shift(rm pmetric.ResourceMetrics, by time.Duration, did *Report) {
	for _, sm := range rm.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			shift(m, pcommon.Timestamp(by))
			did.Repaired[Shifted] += datapoints.Count(m)
		}
	}
}

func shift(m pmetric.Metric, by pcommon.Timestamp) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			p.SetTimestamp(p.Timestamp() + by)
		}
	case pmetric.MetricTypeSum:
		for _, p := range m.Sum().DataPoints().All() {
			p.SetTimestamp(p.Timestamp() + by)
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			p.SetTimestamp(p.Timestamp() + by)
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			p.SetTimestamp(p.Timestamp() + by)
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			p.SetTimestamp(p.Timestamp() + by)
		}
	default: // without points
	}
}
