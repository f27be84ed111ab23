// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package semconv

import (
	"iter"
	"slices"

	"go.opentelemetry.io/otel/attribute"
)

// Metric is one metric of the conventions. A value that is none of the constants has an empty name and no attributes.
type Metric uint16

// Instrument is the kind of instrument that records a metric.
type Instrument uint8

// The kinds of instruments. The zero Instrument is none of them.
const (
	Counter       Instrument = iota + 1 // grows only
	UpDownCounter                       // grows and shrinks, and its series can be added
	Gauge                               // a present value that cannot be added
	Histogram                           // a distribution
)

// String returns the spelling of the registry, such as "updowncounter".
func (i Instrument) String() string {
	switch i {
	case Counter:
		return "counter"
	case UpDownCounter:
		return "updowncounter"
	case Gauge:
		return "gauge"
	case Histogram:
		return "histogram"
	default:
		return "none"
	}
}

// Level is the level of telemetry from which on something is recorded. The zero Level is LevelBasic.
type Level uint8

// The levels.
const (
	LevelBasic  Level = iota // always
	LevelDetail              // only when details are asked for
)

// String returns "basic" or "detail".
func (l Level) String() string {
	if l == LevelDetail {
		return "detail"
	}
	return "basic"
}

type metric struct {
	name, unit, description, prometheus string
	instrument                          Instrument
	level                               Level
	bounds                              []float64
	attributes                          []attribute.Key
}

// get returns what is known about m, which is nothing if m is not one of the constants.
func (m Metric) get() *metric {
	if int(m) >= len(metrics) {
		return &metric{}
	}
	return &metrics[m]
}

// Name returns the OpenTelemetry name, such as "query.latency".
func (m Metric) Name() string { return m.get().name }

// String returns the same as Name.
func (m Metric) String() string { return m.get().name }

// Unit returns the unit in UCUM's spelling, such as "s", "By" or "{event}".
func (m Metric) Unit() string { return m.get().unit }

// Description returns one sentence for the people who look at the metric.
func (m Metric) Description() string { return m.get().description }

// Instrument returns the kind of instrument that records the metric.
func (m Metric) Instrument() Instrument { return m.get().instrument }

// Level returns the level from which on the metric is recorded.
func (m Metric) Level() Level { return m.get().level }

// Bounds returns the upper bounds of a histogram's buckets in the metric's unit, ascending, and nil for other
// instruments. The slice is the caller's own.
func (m Metric) Bounds() []float64 { return slices.Clone(m.get().bounds) }

// Attributes returns the keys of the metric's attributes: first those that identify what the metric is about, such as
// query.id, then the further ones. Every data point has all of them. The slice is the caller's own.
func (m Metric) Attributes() []attribute.Key { return slices.Clone(m.get().attributes) }

// PrometheusName returns the name under which the collector exposes the metric to Prometheus. The series of a histogram
// have this name with _bucket, _sum and _count.
func (m Metric) PrometheusName() string { return m.get().prometheus }

// Metrics returns all metrics in the order of the registry.
func Metrics() iter.Seq[Metric] {
	return all[Metric](len(metrics))
}

// all counts from 0 to n-1.
func all[T ~uint8 | ~uint16](n int) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := range n {
			if !yield(T(i)) {
				return
			}
		}
	}
}
