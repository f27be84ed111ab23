// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxDepth is how deep nested values are told apart. What lies deeper is taken as equal,
// so that hostile nesting can neither exhaust the stack nor make more series.
const maxDepth = 32

// Tags keep values of different types apart: 1, "1", 1.0, true and [1] are five values,
// and so are an empty string, an empty value and no attribute at all. They differ in their
// upper halves, so that no length of a text makes one tag look like another.
const (
	tagEmpty  uint64 = 0x9e3779b97f4a7c15
	tagStr    uint64 = 0xbf58476d1ce4e5b9
	tagBool   uint64 = 0x94d049bb133111eb
	tagInt    uint64 = 0xd6e8feb86659fd93
	tagDouble uint64 = 0xff51afd7ed558ccd
	tagBytes  uint64 = 0xc4ceb9fe1a85ec53
	tagSlice  uint64 = 0x87c37b91114253d5
	tagMap    uint64 = 0x4cf5ad432745937f
	tagDeep   uint64 = 0x52dce729da3ed0b5
)

// canonicalNaN stands for every NaN: as attributes they all read the same.
var canonicalNaN = math.Float64bits(math.NaN())

// Attributes returns the sum of the hashes of all pairs, modulo 2^64, and whether one of
// them marks the point as one of an overflow series. Addition makes the order irrelevant
// and, unlike exclusive or, does not let a pair that occurs twice vanish. The sum of no
// attributes is 0.
//
// Two of n different sets of attributes have the same sum with a probability of about
// n*n/2^64: 5e-8 for a million. The cost is linear in the size of the attributes.
func (h *Hasher) Attributes(m pcommon.Map) (sum uint64, marked bool) {
	for k, v := range m.All() {
		// Only a string reads as a string that is not empty, and most values are one.
		if s := v.Str(); s != "" {
			sum += fold(h.key.absorb(k), h.value.absorb(s)^tagStr)
			continue
		}
		if k == OverflowKey && v.Bool() {
			marked = true
		}
		sum += h.pair(k, v, 0)
	}
	return sum, marked
}

// Pair returns the hash of one attribute: what Attributes adds up, so that the sum minus a
// Pair is the sum without that attribute. All of its bits are evenly spread.
func (h *Hasher) Pair(key string, v pcommon.Value) uint64 {
	return h.pair(key, v, 0)
}

func (h *Hasher) pair(key string, v pcommon.Value, depth int) uint64 {
	return fold(h.key.absorb(key), h.absorb(v, depth))
}

func (h *Hasher) absorb(v pcommon.Value, depth int) uint64 {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return h.value.absorb(v.Str()) ^ tagStr
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return h.word(1) ^ tagBool
		}
		return h.word(0) ^ tagBool
	case pcommon.ValueTypeInt:
		return h.word(uint64(v.Int())) ^ tagInt
	case pcommon.ValueTypeDouble:
		return h.double(v.Double()) ^ tagDouble
	case pcommon.ValueTypeBytes:
		return h.value.bytes(v.Bytes()) ^ tagBytes
	case pcommon.ValueTypeSlice:
		return h.slice(v.Slice(), depth+1)
	case pcommon.ValueTypeMap:
		return h.nested(v.Map(), depth+1)
	default:
		return h.word(0) ^ tagEmpty
	}
}

func (h *Hasher) word(w uint64) uint64 {
	return fold(w^h.number[0], h.number[1])
}

// double tells 0 and -0 apart, as their text does.
func (h *Hasher) double(f float64) uint64 {
	if math.IsNaN(f) {
		return h.word(canonicalNaN)
	}
	return h.word(math.Float64bits(f))
}

// slice depends on the order of its elements.
func (h *Hasher) slice(s pcommon.Slice, depth int) uint64 {
	if depth > maxDepth {
		return h.word(0) ^ tagDeep
	}
	f := h.word(uint64(s.Len()))
	for _, v := range s.All() {
		f = fold(f^tagSlice, h.absorb(v, depth))
	}
	return f ^ tagSlice
}

// nested does not depend on the order of its pairs.
func (h *Hasher) nested(m pcommon.Map, depth int) uint64 {
	if depth > maxDepth {
		return h.word(0) ^ tagDeep
	}
	sum := uint64(0)
	for k, v := range m.All() {
		sum += h.pair(k, v, depth)
	}
	return h.word(sum+uint64(m.Len())) ^ tagMap
}
