// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// FuzzOrderDoesNotMatter takes pairs from the input and adds them in two orders.
func FuzzOrderDoesNotMatter(f *testing.F) {
	f.Add([]byte("abcdef"), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, turn uint8) {
		h, n := New(NewSeed()), len(data)/2
		a, b := pcommon.NewMap(), pcommon.NewMap()
		for i := range n {
			put(a, i, data)
			put(b, (i+int(turn))%n, data)
		}
		if series(h, a) != series(h, b) {
			t.Fatalf("%v and %v are two series", a.AsRaw(), b.AsRaw())
		}
	})
}

func put(m pcommon.Map, i int, data []byte) {
	k, x := fmt.Sprint(i), data[2*i+1]
	switch data[2*i] % 5 {
	case 0:
		m.PutStr(k, string(x))
	case 1:
		m.PutInt(k, int64(x))
	case 2:
		m.PutDouble(k, float64(x))
	case 3:
		m.PutBool(k, x > 100)
	default:
		m.PutEmptyMap(k).PutInt("n", int64(x))
	}
}

// FuzzTypesAreDistinct writes one input as every type that can hold it.
func FuzzTypesAreDistinct(f *testing.F) {
	f.Add("1", int64(1))
	f.Add("", int64(0))
	f.Fuzz(func(t *testing.T, s string, n int64) {
		h := New(NewSeed())
		seen := map[uint64]string{}
		for name, set := range map[string]func(pcommon.Value){
			"string":          func(v pcommon.Value) { v.SetStr(s) },
			"bytes":           func(v pcommon.Value) { v.SetEmptyBytes().FromRaw([]byte(s)) },
			"slice of string": func(v pcommon.Value) { v.SetEmptySlice().AppendEmpty().SetStr(s) },
			"map to string":   func(v pcommon.Value) { v.SetEmptyMap().PutStr("", s) },
			"map of string":   func(v pcommon.Value) { v.SetEmptyMap().PutEmpty(s) },
			"int":             func(v pcommon.Value) { v.SetInt(n) },
			"double":          func(v pcommon.Value) { v.SetDouble(math.Float64frombits(uint64(n))) },
			"bool":            func(v pcommon.Value) { v.SetBool(n > 0) },
			"nothing":         func(pcommon.Value) {},
		} {
			m := pcommon.NewMap()
			set(m.PutEmpty("k"))
			if other, ok := seen[series(h, m)]; ok {
				t.Fatalf("%q, %d: %s and %s are one series", s, n, name, other)
			}
			seen[series(h, m)] = name
		}
	})
}

// FuzzEqualMapsAreOneSeries compares fingerprints with a text that says the same of a map
// in a way that is simple to see through.
func FuzzEqualMapsAreOneSeries(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05"), []byte("\x03\x04\x05\x00\x01\x02"))
	f.Add([]byte{0, 1, 2, 8, 7, 1, 0, 3, 9}, []byte{8, 7, 1, 0, 3, 9})
	f.Add([]byte{0, 6, 2, 1, 1, 1, 2, 1}, []byte{0, 7, 2, 1, 1, 1, 2, 1})
	f.Add([]byte{0, 2, 0}, []byte{0, 2, 2})
	f.Add([]byte{0, 5, 40, 6, 7, 6, 7, 6, 7}, []byte{0, 5, 41, 7, 6, 7, 6, 7})
	f.Add(slices.Repeat([]byte{0, 6, 1}, 40), slices.Repeat([]byte{0, 6, 1}, 41))
	f.Add(slices.Repeat([]byte{0, 7, 1}, 40), slices.Repeat([]byte{0, 7, 1}, 32))
	h := New(fixed(6))
	f.Fuzz(func(t *testing.T, one, other []byte) {
		a, b := decode(one), decode(other)
		if same := canonical(a, 0) == canonical(b, 0); same != (series(h, a) == series(h, b)) {
			t.Fatalf("%v and %v: same is %t", a.AsRaw(), b.AsRaw(), same)
		}
		backwards := pcommon.NewMap()
		reverse(a, backwards)
		if series(h, a) != series(h, backwards) {
			t.Fatalf("%v and %v are two series", a.AsRaw(), backwards.AsRaw())
		}
		sum, _ := h.Attributes(a)
		for k, v := range a.All() {
			sum -= h.Pair(k, v)
		}
		if sum != 0 {
			t.Fatalf("%v: pairs do not add up to the sum", a.AsRaw())
		}
	})
}

// decode makes a map of a few keys and values, so that equal ones come up.
func decode(data []byte) pcommon.Map {
	m := pcommon.NewMap()
	for len(data) > 0 {
		data = decodeValue(m.PutEmpty(decodeText(data[0])), data[1:])
	}
	return m
}

func decodeText(n byte) string {
	return "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"[:n%64]
}

func decodeValue(v pcommon.Value, data []byte) []byte {
	if len(data) < 2 {
		return nil
	}
	kind, x, data := data[0], data[1], data[2:]
	switch kind % 8 {
	case 0: // stays empty
	case 1:
		v.SetBool(x%2 == 1)
	case 2:
		v.SetInt(int64(int8(x)))
	case 3:
		v.SetDouble([]float64{0, math.Copysign(0, -1), 1, math.NaN(), math.Inf(1)}[x%5])
	case 4:
		v.SetStr(decodeText(x))
	case 5:
		v.SetEmptyBytes().FromRaw([]byte(decodeText(x)))
	case 6:
		s := v.SetEmptySlice()
		for range x % 3 {
			data = decodeValue(s.AppendEmpty(), data)
		}
	case 7:
		m := v.SetEmptyMap()
		for i := range x % 3 {
			data = decodeValue(m.PutEmpty(decodeText(i)), data)
		}
	}
	return data
}

// canonical writes every text and every list with its length in front.
func canonical(m pcommon.Map, depth int) string {
	pairs := make([]string, 0, m.Len())
	for k, v := range m.All() {
		pairs = append(pairs, fmt.Sprintf("%q:%s", k, canonicalValue(v, depth)))
	}
	slices.SortFunc(pairs, cmp.Compare[string])
	return fmt.Sprintf("%d{%s}", len(pairs), strings.Join(pairs, ","))
}

func canonicalValue(v pcommon.Value, depth int) string {
	switch v.Type() {
	case pcommon.ValueTypeSlice:
		if depth == maxDepth {
			return "deep"
		}
		elements := make([]string, 0, v.Slice().Len())
		for _, e := range v.Slice().All() {
			elements = append(elements, canonicalValue(e, depth+1))
		}
		return fmt.Sprintf("%d[%s]", len(elements), strings.Join(elements, ","))
	case pcommon.ValueTypeMap:
		if depth == maxDepth {
			return "deep"
		}
		return canonical(v.Map(), depth+1)
	default:
		return fmt.Sprintf("%s(%#v)", v.Type(), v.AsRaw())
	}
}

// reverse copies a map with its pairs, and those of maps inside, in the opposite order.
func reverse(from, to pcommon.Map) {
	var keys []string
	for k := range from.All() {
		keys = append(keys, k)
	}
	for _, k := range slices.Backward(keys) {
		v, _ := from.Get(k)
		if v.Type() == pcommon.ValueTypeMap {
			reverse(v.Map(), to.PutEmptyMap(k))
			continue
		}
		v.CopyTo(to.PutEmpty(k))
	}
}
