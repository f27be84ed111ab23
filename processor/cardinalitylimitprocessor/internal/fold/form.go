// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package fold is the algebra of points that have no series of their own: how points of
// every type add up, what a cumulative point has beyond the one before it, and how the
// result is written as one point. What cannot be added up it names a reason for.
//
// It reads and writes metrics data and remembers nothing by itself: whoever keeps Values
// decides which points belong together, when a window ends, and when a source has ended.
package fold

import "go.opentelemetry.io/collector/pdata/pmetric"

// Reason says why a point is not in an overflow series.
type Reason uint8

const (
	// Foldable is no obstacle at all.
	Foldable Reason = iota
	// UnspecifiedTemporality leaves open what adding up would mean.
	UnspecifiedTemporality
	// InvalidValue would spoil the result: no value, not finite, negative in a monotonic
	// sum, or buckets that contradict their bounds or their count.
	InvalidValue
	// TooManyBuckets is an explicit histogram of more than MaxBuckets buckets.
	TooManyBuckets
	// CountOverflow is a count that no longer fits into 64 bits.
	CountOverflow
	// NoRecordedValue marks the end of a series and has no value to fold.
	NoRecordedValue
	// MetricLimit means that there is no room for one more overflow series.
	MetricLimit
	// Untracked is a cumulative point whose source there is no room to remember: what it
	// has beyond the point before cannot be known.
	Untracked

	// Reasons is the number of reasons.
	Reasons = iota
)

var reasonNames = [Reasons]string{
	"", "unspecified_temporality", "invalid_value", "too_many_buckets", "count_overflow",
	"no_recorded_value", "metric_limit", "untracked",
}

// String returns the reason as it is spelled in telemetry; Foldable is empty.
func (r Reason) String() string { return reasonNames[r] }

// GaugeFold is what the points of a gauge fold to.
type GaugeFold uint8

const (
	// Last is the value of the latest point, by timestamp. Of several with one timestamp
	// it is the one that came last.
	Last GaugeFold = iota
	// Min is the lowest value.
	Min
	// Max is the highest value.
	Max
	// Sum is the sum of the last values of all sources.
	Sum
)

// Form is what the points of a metric have in common when they fold. Forms can be
// compared: points of different Forms do not add up.
type Form struct {
	// Type is the type of the metric.
	Type pmetric.MetricType
	// Cumulative points repeat what the points before them said. Summaries are always
	// cumulative, gauges never.
	Cumulative bool
	// Monotonic sums take no negative values, and fall only when they start anew.
	Monotonic bool
	// Gauge is used for gauges alone.
	Gauge GaugeFold
}

// FormOf returns how the points of a metric fold, or why they do not. Gauges fold by g.
func FormOf(m pmetric.Metric, g GaugeFold) (Form, Reason) {
	form := Form{Type: m.Type()}
	var temporality pmetric.AggregationTemporality
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		form.Gauge = g
		return form, Foldable
	case pmetric.MetricTypeSummary:
		form.Cumulative = true
		return form, Foldable
	case pmetric.MetricTypeSum:
		form.Monotonic = m.Sum().IsMonotonic()
		temporality = m.Sum().AggregationTemporality()
	case pmetric.MetricTypeHistogram:
		temporality = m.Histogram().AggregationTemporality()
	case pmetric.MetricTypeExponentialHistogram:
		temporality = m.ExponentialHistogram().AggregationTemporality()
	default:
		return Form{}, InvalidValue
	}
	switch temporality {
	case pmetric.AggregationTemporalityDelta:
		return form, Foldable
	case pmetric.AggregationTemporalityCumulative:
		form.Cumulative = true
		return form, Foldable
	default:
		return Form{}, UnspecifiedTemporality
	}
}

// Level returns whether the overflow value is the sum of the last values of all sources
// that are alive: non-monotonic cumulative sums, and gauges that fold by Sum. When a
// source of a level ends, Subtract takes out what it left.
func (f Form) Level() bool {
	switch f.Type {
	case pmetric.MetricTypeGauge:
		return f.Gauge == Sum
	case pmetric.MetricTypeSum:
		return f.Cumulative && !f.Monotonic
	default:
		return false
	}
}

// Sourced returns whether points fold by AddSince, which needs the last value of every
// source, and not by Add.
func (f Form) Sourced() bool { return f.Cumulative || f.Level() }

func (f Form) temporality() pmetric.AggregationTemporality {
	if f.Cumulative {
		return pmetric.AggregationTemporalityCumulative
	}
	return pmetric.AggregationTemporalityDelta
}
