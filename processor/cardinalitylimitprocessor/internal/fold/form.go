// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package fold adds up points that have no series of their own: delta sums by addition,
// gauges by keeping the latest. What it cannot add up it names a reason for.
//
// It reads metrics data and knows no clock and no consumer: values and the current time
// in, overflow points out.
package fold

import "go.opentelemetry.io/collector/pdata/pmetric"

// Reason says why a point cannot be folded.
type Reason uint8

const (
	// Foldable is no obstacle at all.
	Foldable Reason = iota
	// CumulativeSum needs the last value of every folded series, which nobody keeps yet.
	CumulativeSum
	// UnspecifiedTemporality leaves open what adding up would mean.
	UnspecifiedTemporality
	// Histogram needs an addition of buckets.
	Histogram
	// ExponentialHistogram needs an addition of buckets at a common scale.
	ExponentialHistogram
	// Summary has quantiles, which cannot be merged.
	Summary
	// MixedValueTypes is an integer for an overflow sum of doubles, or the other way round.
	MixedValueTypes
	// InvalidValue would spoil the sum: no value, not finite, or negative in a monotonic sum.
	InvalidValue
	// NoRecordedValue marks the end of a series and has no value to fold.
	NoRecordedValue
	// MetricLimit means that there is no room for one more overflow stream.
	MetricLimit

	// Reasons is the number of reasons.
	Reasons = iota
)

var reasonNames = [Reasons]string{
	"", "cumulative_sum", "unspecified_temporality", "histogram", "exponential_histogram", "summary",
	"mixed_value_types", "invalid_value", "no_recorded_value", "metric_limit",
}

// String returns the reason as it is spelled in telemetry; Foldable is empty.
func (r Reason) String() string { return reasonNames[r] }

// Form is what a metric's points have in common when they fold.
type Form struct {
	// Gauge points fold to the latest, all others by addition.
	Gauge bool
	// Monotonic sums take no negative values.
	Monotonic bool
}

// FormOf returns how the points of a metric fold, or why they do not.
func FormOf(m pmetric.Metric) (Form, Reason) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return Form{Gauge: true}, Foldable
	case pmetric.MetricTypeSum:
		switch m.Sum().AggregationTemporality() {
		case pmetric.AggregationTemporalityDelta:
			return Form{Monotonic: m.Sum().IsMonotonic()}, Foldable
		case pmetric.AggregationTemporalityCumulative:
			return Form{}, CumulativeSum
		default:
			return Form{}, UnspecifiedTemporality
		}
	case pmetric.MetricTypeHistogram:
		return Form{}, Histogram
	case pmetric.MetricTypeExponentialHistogram:
		return Form{}, ExponentialHistogram
	case pmetric.MetricTypeSummary:
		return Form{}, Summary
	default:
		return Form{}, InvalidValue
	}
}
