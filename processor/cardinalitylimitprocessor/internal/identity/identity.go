// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package identity says what makes a series: two points belong to one series exactly
// if resource, scope, metric and point attributes agree, in whatever order they came.
//
// A series is named by a 64-bit fingerprint. Fingerprints are seeded at random, so
// nobody outside the process can prepare colliding input. Two of n series collide with
// a probability of about n*n/2^65: 3e-8 for a million series.
package identity

import (
	"hash/maphash"
	"math/bits"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// OverflowKey is the attribute that marks an overflow series.
// https://opentelemetry.io/docs/specs/otel/metrics/sdk/#overflow-attribute
const OverflowKey = "otel.metric.overflow"

// Domains keep equal text in different places apart. They are odd, random and fixed.
const (
	domainResource uint64 = 0xa0761d6478bd642f
	domainScope    uint64 = 0xe7037ed1a0b428db
	domainVersion  uint64 = 0x8ebc6af09c88c6e3
	domainName     uint64 = 0x589965cc75374cc3
	domainUnit     uint64 = 0x1d8e4e27c47d124f
	domainKind     uint64 = 0xeb44accab455d165
	domainMarked   uint64 = 0x9c06faf4d023e3ab
	domainPair     uint64 = 0xc2b2ae3d27d4eb4f
	domainSeries   uint64 = 0x27d4eb2f165667c5
)

// Hasher makes fingerprints. All fingerprints that are compared with each other must
// come from one Hasher or its copies. A Hasher may be used by many goroutines at once.
type Hasher struct {
	seed maphash.Seed
}

// Metric holds the fingerprints of one metric.
type Metric struct {
	// Name stands for the name alone: the unit the series limit is counted by.
	Name uint64
	// Marked stands for the name too, but counts the series that arrive as overflow series.
	Marked uint64
	// Stream stands for name, unit, type, temporality and monotonicity together.
	Stream uint64
}

// New returns a Hasher with a random seed.
func New() Hasher {
	return Hasher{seed: maphash.MakeSeed()}
}

// Resource returns the fingerprint of a resource's attributes.
func (h Hasher) Resource(attributes pcommon.Map) uint64 {
	sum, _ := h.attributes(attributes, 0)
	return mix(sum, domainResource)
}

// Scope returns the fingerprint of a scope under the resource that resource stands for.
func (h Hasher) Scope(resource uint64, scope pcommon.InstrumentationScope) uint64 {
	sum, _ := h.attributes(scope.Attributes(), 0)
	f := mix(resource^domainScope, h.text(scope.Name()))
	f = mix(f^domainVersion, h.text(scope.Version()))
	return mix(f, sum^domainScope)
}

// Metric returns the fingerprints of a metric, whatever resource it is under.
func (h Hasher) Metric(m pmetric.Metric) Metric {
	name := mix(h.text(m.Name()), domainName)
	stream := mix(name^domainUnit, h.text(m.Unit()))
	return Metric{
		Name:   name,
		Marked: mix(name, domainMarked),
		Stream: mix(stream, kind(m)^domainKind),
	}
}

// Series returns the fingerprint of the series of a point with these attributes,
// and whether the attributes mark the point as one of an overflow series.
func (h Hasher) Series(scope, stream uint64, attributes pcommon.Map) (fingerprint uint64, marked bool) {
	sum, marked := h.attributes(attributes, 0)
	return mix(mix(scope^domainSeries, stream), sum^domainPair), marked
}

func (h Hasher) text(s string) uint64 {
	return maphash.String(h.seed, s)
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

// mix folds the 128-bit product of its arguments. It is not commutative in use: callers
// put a domain on one side.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x2d358dccaa6c78a5, b^0x8bb84b93962eacc9)
	return hi ^ lo
}
