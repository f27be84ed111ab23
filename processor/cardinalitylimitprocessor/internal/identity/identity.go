// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package identity says what makes a series: two points belong to one series exactly
// if resource, scope, metric and point attributes agree, in whatever order they came.
//
// A series is named by a 64-bit fingerprint. Fingerprints depend on a secret seed, so that
// nobody who does not know it can prepare input that collides; it can be saved, so that
// they survive a restart. Two of n series collide with a probability of about n*n/2^64:
// 5e-8 for a million series. That is reasoned and measured, not proven: the hash is a fast
// one of folded products, not a cryptographic one.
package identity

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// OverflowKey is the attribute that marks an overflow series.
// https://opentelemetry.io/docs/specs/otel/metrics/sdk/#overflow-attribute
const OverflowKey = "otel.metric.overflow"

// Words that keep the two sides of join apart, and one use of a word from another. They are
// random and fixed.
const (
	left   uint64 = 0xa0761d6478bd642f
	right  uint64 = 0xe7037ed1a0b428db
	origin uint64 = 0x8ebc6af09c88c6e3
	marker uint64 = 0x9c06faf4d023e3ab
)

// Metric holds the fingerprints of one metric.
type Metric struct {
	// Name stands for the name alone: the unit the series limit is counted by.
	Name uint64
	// Marked stands for the name too, but counts the series that arrive as overflow series.
	Marked uint64
	// Stream stands for name, unit, type, temporality and monotonicity together.
	Stream uint64
}

// Resource returns the fingerprint of a resource's attributes.
func (h *Hasher) Resource(attributes pcommon.Map) uint64 {
	sum, _ := h.Attributes(attributes)
	return Mix(sum ^ origin)
}

// Scope returns the fingerprint of a scope under the resource that resource stands for.
func (h *Hasher) Scope(resource uint64, scope pcommon.InstrumentationScope) uint64 {
	sum, _ := h.Attributes(scope.Attributes())
	return join(join(join(resource, h.Text(scope.Name())), h.Text(scope.Version())), sum)
}

// Metric returns the fingerprints of a metric, whatever resource it is under.
func (h *Hasher) Metric(m pmetric.Metric) Metric {
	name := h.Text(m.Name())
	return Metric{
		Name:   name,
		Marked: Mix(name ^ marker),
		Stream: join(join(name, h.Text(m.Unit())), kind(m)),
	}
}

// Series returns the fingerprint of the series of a point: of a scope and a stream as Scope
// and Metric return them and of the sum of the point's attributes. Under one scope and
// stream, series collide exactly if their sums do.
func Series(scope, stream, sum uint64) uint64 {
	return Mix(join(scope, stream) ^ sum)
}

// kind packs type, temporality and monotonicity into one number.
func kind(m pmetric.Metric) uint64 {
	k := uint64(m.Type()) << 8
	switch m.Type() {
	case pmetric.MetricTypeSum:
		k |= uint64(m.Sum().AggregationTemporality()) << 1
		if m.Sum().IsMonotonic() {
			k |= 1
		}
	case pmetric.MetricTypeHistogram:
		k |= uint64(m.Histogram().AggregationTemporality()) << 1
	case pmetric.MetricTypeExponentialHistogram:
		k |= uint64(m.ExponentialHistogram().AggregationTemporality()) << 1
	default: // the other types have neither
	}
	return k
}

// join depends on the order of its arguments. It has no secret of its own: one argument at
// least is a fingerprint, and one that is not, such as a kind or the sum of no attributes,
// is none of the two words that make a factor zero.
func join(a, b uint64) uint64 {
	return fold(a^left, b^right)
}
