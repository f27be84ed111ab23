// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// fixed is a Seed that makes tests of chance repeatable.
func fixed(n byte) (s Seed) {
	for i := range s {
		s[i] = n + byte(i)*37
	}
	return s
}

func TestFingerprintsSurviveARestart(t *testing.T) {
	seed := NewSeed()
	m := pcommon.NewMap()
	for name, set := range values() {
		set(m.PutEmpty(name))
	}
	before := series(New(seed), m)
	h := New(NewSeed())
	if series(h, m) == before {
		t.Error("another seed makes the same fingerprints")
	}
	h.Reset(seed)
	if series(h, m) != before {
		t.Error("the same seed makes other fingerprints")
	}
}

func TestASumMinusAPairIsTheSumWithoutIt(t *testing.T) {
	h := New(NewSeed())
	m := pcommon.NewMap()
	for name, set := range values() {
		set(m.PutEmpty(name))
	}
	whole, _ := h.Attributes(m)
	for name := range values() {
		v, _ := m.Get(name)
		without := pcommon.NewMap()
		m.CopyTo(without)
		without.Remove(name)
		if want, _ := h.Attributes(without); whole-h.Pair(name, v) != want {
			t.Errorf("%s: the sum minus the pair is not the sum without it", name)
		}
	}
}

// Who saved fingerprints compares them with those of a later release.
func TestFingerprintsStayTheSame(t *testing.T) {
	h := New(fixed(3))
	m := pcommon.NewMap()
	for name, set := range values() {
		set(m.PutEmpty(name))
	}
	m.PutStr("long", strings.Repeat("0123456789", 20))
	m.PutEmptyBytes("long bytes").FromRaw([]byte("0123456789abcdef-"))
	rm := reference()
	sm := rm.ScopeMetrics().At(0)
	sum, _ := h.Attributes(m)
	scope, metric := h.Scope(h.Resource(m), sm.Scope()), h.Metric(sm.Metrics().At(0))
	for name, c := range map[string]struct{ got, want uint64 }{
		"text":   {h.Text("requests"), 0x27dbea15dbe7699d},
		"key":    {h.Text("eventflux.stream.name"), 0x3ea79342dc45c30},
		"sum":    {sum, 0xc544810db4280cf5},
		"scope":  {scope, 0x29d224aa8d5e01a8},
		"name":   {metric.Name, 0x92b496865334dd83},
		"marked": {metric.Marked, 0x813af9cdaffe688e},
		"stream": {metric.Stream, 0x91ae2180162080eb},
		"series": {Series(scope, metric.Stream, sum), 0x4d99e5a5a3666eac},
	} {
		if c.got != c.want {
			t.Errorf("%s: %#x, was %#x", name, c.got, c.want)
		}
	}
}

// A seed that is not random makes secret words that look so: a word of zero would be a
// factor that any sender can make zero.
func TestSecretsLookRandomUnderEverySeed(t *testing.T) {
	for _, seed := range []Seed{{}, {0: 1}, Seed(bytes.Repeat([]byte{0xff}, 32))} {
		h, seen := New(seed), map[uint64]bool{}
		for _, words := range [][]uint64{h.text[:], h.key[:], h.value[:], h.number[:]} {
			for _, w := range words {
				if n := bits.OnesCount64(w); n < 12 || n > 52 || seen[w] {
					t.Errorf("seed %x: secret word %#x", seed, w)
				}
				seen[w] = true
			}
		}
	}
}

func TestUsesOfTextAreNotRelated(t *testing.T) {
	h := New(NewSeed())
	for _, s := range []string{"", "a", "abcd", "abcdefgh", "more than sixteen bytes", strings.Repeat("x", 100)} {
		text, key, value := h.text.absorb(s), h.key.absorb(s), h.value.absorb(s)
		if text == key || key == value || value == text {
			t.Errorf("%q: one hash for two uses", s)
		}
	}
}

// If the hash of a pair could be taken apart into one of the key and one of the value, to
// swap the values of two keys would not change the sum.
func TestSwappedValuesChangeTheSum(t *testing.T) {
	h := New(fixed(5))
	const n = 64
	var pairs [n][n]uint64
	for k := range pairs {
		for v := range pairs[k] {
			pairs[k][v] = h.Pair(fmt.Sprint("key", k), pcommon.NewValueInt(int64(v)))
		}
	}
	for k := range n {
		for v := range n {
			for l := range k {
				for w := range v {
					if pairs[k][v]+pairs[l][w] == pairs[k][w]+pairs[l][v] {
						t.Fatalf("keys %d and %d, values %d and %d", k, l, v, w)
					}
				}
			}
		}
	}
}

// Every bit of the input changes every bit of a hash in half of all cases.
func TestAvalanche(t *testing.T) {
	h := New(fixed(1))
	v, b := pcommon.NewValueStr(""), pcommon.NewValueBytes()
	every := []int{1, 2, 3, 4, 7, 8, 9, 16, 17, 24, 32, 33, 65}
	for name, c := range map[string]struct {
		lengths []int
		hash    func([]byte) uint64
	}{
		"text": {every, func(s []byte) uint64 { return h.Text(string(s)) }},
		"key":  {every, func(s []byte) uint64 { return h.Pair(string(s), v) }},
		"string": {every, func(s []byte) uint64 {
			v.SetStr(string(s))
			return h.Pair("query.id", v)
		}},
		"bytes": {[]int{1, 7, 8, 9, 15, 16, 33}, func(s []byte) uint64 {
			b.Bytes().FromRaw(s)
			return h.Pair("query.id", b)
		}},
		"int": {[]int{8}, func(s []byte) uint64 {
			v.SetInt(int64(binary.LittleEndian.Uint64(s)))
			return h.Pair("query.id", v)
		}},
		"series": {[]int{24}, func(s []byte) uint64 {
			return Series(binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:]), binary.LittleEndian.Uint64(s[16:]))
		}},
		"mix": {[]int{8}, func(s []byte) uint64 { return Mix(binary.LittleEndian.Uint64(s)) }},
	} {
		t.Run(name, func(t *testing.T) {
			for _, length := range c.lengths {
				testAvalanche(t, length, c.hash)
			}
		})
	}
}

func testAvalanche(t *testing.T, length int, hash func([]byte) uint64) {
	t.Helper()
	samples := 512
	if length == 1 {
		samples = 128 // so many pairs of bytes differ in one bit
	}
	rng := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, length)
	for bit := range 8 * length {
		var flips [64]int
		for i := range samples {
			for j := range text {
				text[j] = byte(rng.Uint32())
			}
			if length == 1 {
				text[0] = byte(i>>bit<<(bit+1) | i&(1<<bit-1)) // all bytes without the bit
			}
			before := hash(text)
			text[bit/8] ^= 1 << (bit % 8)
			changed := before ^ hash(text)
			for out := range flips {
				flips[out] += int(changed >> out & 1)
			}
		}
		// Six standard deviations: once in a thousand tests of this size by chance.
		most := 3 / math.Sqrt(float64(samples))
		for out, n := range flips {
			if p := float64(n) / float64(samples); math.Abs(p-0.5) > most {
				t.Fatalf("length %d: bit %d flips bit %d in %.3f of all cases", length, bit, out, p)
			}
		}
	}
}

// Texts that differ in little, or in their length alone, do not collide, and spread evenly
// over what chooses a shard (the upper bits) and over the lower ones.
func TestAlikeTextsSpread(t *testing.T) {
	h := New(fixed(2))
	v, b := pcommon.NewValueStr(""), pcommon.NewValueBytes()
	for name, c := range map[string]struct {
		counters, zeros int
		hash            func([]byte) uint64
	}{
		"text": {220_000, 300, func(s []byte) uint64 { return h.Text(string(s)) }},
		"key":  {30_000, 100, func(s []byte) uint64 { return h.Pair(string(s), v) }},
		"string": {30_000, 100, func(s []byte) uint64 {
			value := pcommon.NewValueStr(string(s))
			return h.Pair("query.id", value)
		}},
		"bytes": {30_000, 100, func(s []byte) uint64 {
			b.Bytes().FromRaw(s)
			return h.Pair("query.id", b)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var hashes []uint64
			for text := range alike(c.counters, c.zeros) {
				hashes = append(hashes, c.hash(text))
			}
			testSpread(t, hashes)
		})
	}
}

// alike returns texts that differ in little: counters alone, with a prefix and with a long
// suffix, and up to so many zeros, all of them zero or all bits but one.
func alike(counters, zeros int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range counters {
			if !yield(strconv.AppendInt(nil, int64(i), 10)) ||
				!yield(strconv.AppendInt([]byte("query-"), int64(i), 10)) ||
				!yield(fmt.Appendf(nil, "%08d is the number of a query with a much longer name", i)) {
				return
			}
		}
		for n := range zeros + 1 {
			text := make([]byte, n)
			if !yield(text) {
				return
			}
			for bit := range 8 * n {
				text[bit/8] ^= 1 << (bit % 8)
				if !yield(text) {
					return
				}
				text[bit/8] = 0
			}
		}
	}
}

// Numbers are counted up, in steps that are powers of two as well.
func TestAlikeNumbersSpread(t *testing.T) {
	h := New(fixed(4))
	for name, of := range map[string]func(v pcommon.Value, i int){
		"int":        func(v pcommon.Value, i int) { v.SetInt(int64(i)) },
		"upper bits": func(v pcommon.Value, i int) { v.SetInt(int64(i) << 44) },
		"double":     func(v pcommon.Value, i int) { v.SetDouble(float64(i)) },
	} {
		t.Run(name, func(t *testing.T) {
			v, hashes := pcommon.NewValueEmpty(), make([]uint64, 200_000)
			for i := range hashes {
				of(v, i)
				hashes[i] = h.Pair("query.id", v)
			}
			testSpread(t, hashes)
		})
	}
}

func testSpread(t *testing.T, hashes []uint64) {
	t.Helper()
	for _, shift := range []int{56, 28, 8, 0} {
		var counts [256]float64
		for _, f := range hashes {
			counts[f>>shift&255]++
		}
		mean, chi := float64(len(hashes))/256, 0.0
		for _, n := range counts {
			chi += (n - mean) * (n - mean) / mean
		}
		if chi > 400 { // 255 degrees of freedom: once in a hundred million times by chance
			t.Errorf("bits from %d on: chi-square %.0f", shift, chi)
		}
	}
	slices.Sort(hashes)
	if n := len(slices.Compact(slices.Clone(hashes))); n != len(hashes) {
		t.Errorf("%d inputs have %d hashes", len(hashes), n)
	}
}
