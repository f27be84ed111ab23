// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"hash/maphash"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxDepth is how deep nested values are told apart. What lies deeper is taken as equal,
// so that hostile nesting can neither exhaust the stack nor make more series.
const maxDepth = 32

// Tags keep values of different types apart: 1, "1", 1.0, true and [1] are five values,
// and so are an empty string, an empty value and no attribute at all.
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

// attributes adds up the fingerprints of all pairs. Addition makes the order irrelevant
// and, unlike exclusive or, does not let a pair that occurs twice vanish.
func (h Hasher) attributes(m pcommon.Map, depth int) (sum uint64, marked bool) {
	for k, v := range m.All() {
		if k == OverflowKey && v.Type() == pcommon.ValueTypeBool && v.Bool() {
			marked = true
		}
		sum += mix(h.text(k)^domainPair, h.value(v, depth))
	}
	return sum, marked
}

func (h Hasher) value(v pcommon.Value, depth int) uint64 {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return h.text(v.Str()) ^ tagStr
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return h.word(1, tagBool)
		}
		return h.word(0, tagBool)
	case pcommon.ValueTypeInt:
		return h.word(uint64(v.Int()), tagInt)
	case pcommon.ValueTypeDouble:
		return h.double(v.Double())
	case pcommon.ValueTypeBytes:
		return h.bytes(v.Bytes())
	case pcommon.ValueTypeSlice:
		return h.slice(v.Slice(), depth+1)
	case pcommon.ValueTypeMap:
		return h.nested(v.Map(), depth+1)
	default:
		return h.word(0, tagEmpty)
	}
}

// word hashes one number under the seed.
func (h Hasher) word(w, tag uint64) uint64 {
	return maphash.Comparable(h.seed, w) ^ tag
}

func (h Hasher) double(f float64) uint64 {
	if math.IsNaN(f) {
		return h.word(canonicalNaN, tagDouble)
	}
	return h.word(math.Float64bits(f), tagDouble)
}

// bytes goes byte by byte: taking the slice out of pdata would copy it.
func (h Hasher) bytes(b pcommon.ByteSlice) uint64 {
	var d maphash.Hash
	d.SetSeed(h.seed)
	for i := range b.Len() {
		_ = d.WriteByte(b.At(i)) // never fails
	}
	return d.Sum64() ^ tagBytes
}

// slice depends on the order of its elements.
func (h Hasher) slice(s pcommon.Slice, depth int) uint64 {
	if depth > maxDepth {
		return h.word(0, tagDeep)
	}
	f := h.word(uint64(s.Len()), tagSlice)
	for i := range s.Len() {
		f = mix(f^tagSlice, h.value(s.At(i), depth))
	}
	return f
}

func (h Hasher) nested(m pcommon.Map, depth int) uint64 {
	if depth > maxDepth {
		return h.word(0, tagDeep)
	}
	sum, _ := h.attributes(m, depth)
	return mix(sum, h.word(uint64(m.Len()), tagMap))
}
