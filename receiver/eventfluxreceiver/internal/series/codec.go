// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// scratch is reused from point to point.
type scratch struct {
	pairs []pair
	bytes []byte
}

type pair struct {
	key   string
	value pcommon.Value
}

// encode spells attributes in the order of their keys, until the next call. Lists,
// maps and bytes become text, which is what labels are.
func (s *scratch) encode(attrs pcommon.Map) []byte {
	s.pairs, s.bytes = s.pairs[:0], s.bytes[:0]
	for key, value := range attrs.All() {
		s.pairs = append(s.pairs, pair{key, value})
	}
	slices.SortFunc(s.pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	for _, p := range s.pairs {
		s.text(p.key)
		s.value(p.value)
	}
	clear(s.pairs) // they hold on to the request
	return s.bytes
}

func (s *scratch) text(t string) {
	s.bytes = binary.AppendUvarint(s.bytes, uint64(len(t)))
	s.bytes = append(s.bytes, t...)
}

func (s *scratch) value(v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		s.bytes = binary.AppendVarint(append(s.bytes, byte(pcommon.ValueTypeInt)), v.Int())
	case pcommon.ValueTypeDouble:
		s.bytes = binary.AppendUvarint(append(s.bytes, byte(pcommon.ValueTypeDouble)), math.Float64bits(v.Double()))
	case pcommon.ValueTypeBool:
		b := byte(0)
		if v.Bool() {
			b = 1
		}
		s.bytes = append(s.bytes, byte(pcommon.ValueTypeBool), b)
	case pcommon.ValueTypeStr:
		s.bytes = append(s.bytes, byte(pcommon.ValueTypeStr))
		s.text(v.Str())
	default:
		s.bytes = append(s.bytes, byte(pcommon.ValueTypeStr))
		s.text(v.AsString())
	}
}

// decode is the inverse of [scratch.encode].
func decode(from string, to pcommon.Map) {
	b := []byte(from)
	text := func() string {
		n, used := binary.Uvarint(b)
		t := string(b[used : used+int(n)])
		b = b[used+int(n):]
		return t
	}
	for len(b) > 0 {
		key := text()
		kind := pcommon.ValueType(b[0])
		b = b[1:]
		switch kind {
		case pcommon.ValueTypeInt:
			n, used := binary.Varint(b)
			b = b[used:]
			to.PutInt(key, n)
		case pcommon.ValueTypeDouble:
			n, used := binary.Uvarint(b)
			b = b[used:]
			to.PutDouble(key, math.Float64frombits(n))
		case pcommon.ValueTypeBool:
			to.PutBool(key, b[0] == 1)
			b = b[1:]
		default:
			to.PutStr(key, text())
		}
	}
}
