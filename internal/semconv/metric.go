// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package semconv

import (
	"iter"
	"slices"
)

// Instrument is the kind of instrument that records a metric.
type Instrument uint8

// The kinds of instruments. The zero Instrument belongs to the zero Metric.
const (
	Counter       Instrument = iota + 1 // a monotonic sum
	UpDownCounter                       // a sum that is not monotonic
	Gauge
	Histogram
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

// Level is the level of telemetry from which on something is sent. The zero Level is Basic.
type Level uint8

// The levels.
const (
	Basic Level = iota
	Detail
)

// String returns "basic" or "detail".
func (l Level) String() string {
	if l == Detail {
		return "detail"
	}
	return "basic"
}

// Metric is one metric of the conventions. The zero Metric is none and has an empty name.
type Metric struct{ m *metric }

type metric struct {
	name, unit, prometheus string
	brief                  string
	instrument             Instrument
	level                  Level
	fixed                  bool
	uses                   []Use
	place                  int // in the table, from 1 on
}

var metricsByName = index(number(metrics[:]), func(m *metric) string { return m.name })

// number tells every metric its place in the table.
func number(table []metric) []metric {
	for i := range table {
		table[i].place = i + 1
	}
	return table
}

// index maps names to the entries of a table.
func index[T any](table []T, name func(*T) string) map[string]*T {
	byName := make(map[string]*T, len(table))
	for i := range table {
		byName[name(&table[i])] = &table[i]
	}
	return byName
}

// LookupMetric returns the metric that engines send under an OpenTelemetry name, and whether there is one.
func LookupMetric(name string) (Metric, bool) {
	m, ok := metricsByName[name]
	return Metric{m}, ok
}

// Metrics returns all metrics that engines send, in the order of the registry.
func Metrics() iter.Seq[Metric] { return each(metrics[:]) }

// Derived returns the metrics that the collector makes about engines, in the order of the registry. They are not among
// those of [Metrics].
func Derived() iter.Seq[Metric] { return each(derived) }

func each(table []metric) iter.Seq[Metric] {
	return func(yield func(Metric) bool) {
		for i := range table {
			if !yield(Metric{&table[i]}) {
				return
			}
		}
	}
}

func (m Metric) get() metric {
	if m.m == nil {
		return metric{}
	}
	return *m.m
}

// Name returns the OpenTelemetry name, such as "query.latency".
func (m Metric) Name() string { return m.get().name }

// Brief returns what the metric means, in a sentence.
func (m Metric) Brief() string { return m.get().brief }

// Unit returns the unit, such as "s", "By" or "{event}".
func (m Metric) Unit() string { return m.get().unit }

// Instrument returns the kind of instrument that records the metric.
func (m Metric) Instrument() Instrument { return m.get().instrument }

// Level returns the level from which on an engine sends the metric.
func (m Metric) Level() Level { return m.get().level }

// Fixed says whether the metric is one of the twenty that dashboards and alerts have relied on from the start.
func (m Metric) Fixed() bool { return m.get().fixed }

// PrometheusName returns the name under which the collector exposes the metric. The series of a histogram have this
// name with _bucket, _sum and _count.
func (m Metric) PrometheusName() string { return m.get().prometheus }

// Index returns the place of the metric in the order of the registry, from 0 on, and -1 for the zero Metric.
func (m Metric) Index() int {
	if m.m == nil {
		return -1
	}
	return m.m.place - 1
}

// Attributes returns the attributes of every data point: first those that identify what the metric is about.
func (m Metric) Attributes() iter.Seq[Use] { return slices.Values(m.get().uses) }

// Attribute returns the attribute with a key, and whether the metric has it.
func (m Metric) Attribute(key string) (Use, bool) { return find(m.get().uses, key) }
