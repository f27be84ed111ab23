// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

var errContradiction = errors.New("decode a folded value: buckets contradict their count")

const (
	noSum = 1 << iota
	noMin
	noMax
)

func (t *total) append(dst []byte) []byte {
	var flags byte
	if t.noSum {
		flags |= noSum
	}
	if t.noMin {
		flags |= noMin
	}
	if t.noMax {
		flags |= noMax
	}
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, t.count)
	return appendDouble(appendDouble(t.sum.append(dst), t.min), t.max)
}

func (r *reader) total() total {
	flags := r.byte()
	t := total{
		noSum: flags&noSum != 0, noMin: flags&noMin != 0, noMax: flags&noMax != 0,
		count: r.uvarint(), sum: r.precise(), min: r.double(), max: r.double(),
	}
	if !finite(t.sum.hi) || !finite(t.sum.lo) || !finite(t.min) || !finite(t.max) {
		r.fail(errors.New("decode a folded value: a sum or an extreme is not finite"))
	}
	t.forgetSum()
	return t
}

func appendCounts(dst []byte, counts []uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(counts)))
	for _, c := range counts {
		dst = binary.AppendUvarint(dst, c)
	}
	return dst
}

// counts reads counts and adds them to sum.
func (r *reader) counts(most int, sum *uint64) []uint64 {
	counts := make([]uint64, r.length(most))
	for i := range counts {
		counts[i] = r.uvarint()
		r.addTo(sum, counts[i])
	}
	return counts
}

func (r *reader) addTo(sum *uint64, count uint64) {
	var carry uint64
	if *sum, carry = bits.Add64(*sum, count, 0); carry != 0 {
		r.fail(errContradiction)
	}
}

func (b *buckets) append(dst []byte) []byte {
	dst = b.total.append(dst)
	dst = appendCounts(dst, b.counts)
	for _, bound := range b.bounds {
		dst = appendDouble(dst, bound)
	}
	return dst
}

func (r *reader) buckets() *buckets {
	var sum uint64
	b := &buckets{total: r.total(), counts: r.counts(MaxBuckets, &sum)}
	if len(b.counts) == 0 || sum != b.count {
		r.fail(errContradiction)
		return nil
	}
	for i := range len(b.counts) - 1 {
		bound := r.double()
		if bound != bound || i > 0 && bound <= b.bounds[i-1] {
			r.fail(errors.New("decode a folded value: bounds do not rise"))
		}
		b.bounds = append(b.bounds, bound)
	}
	return b
}

func (s *scaled) append(dst []byte) []byte {
	dst = s.total.append(dst)
	dst = binary.AppendVarint(dst, int64(s.scale))
	dst = binary.AppendUvarint(dst, s.zero)
	dst = appendDouble(dst, s.threshold)
	for _, w := range []*window{&s.positive, &s.negative} {
		dst = binary.AppendVarint(dst, w.first)
		dst = appendCounts(dst, w.counts)
	}
	return dst
}

func (r *reader) scaled() *scaled {
	s := &scaled{used: true, total: r.total()}
	scale := r.varint()
	s.scale = int32(scale)
	if scale > maxScale || int64(s.scale) != scale {
		r.fail(errors.New("decode a folded value: scale out of range"))
	}
	s.zero, s.threshold = r.uvarint(), r.double()
	sum := s.zero
	for _, w := range []*window{&s.positive, &s.negative} {
		w.first, w.counts = r.varint(), r.counts(maxScaled, &sum)
		if !w.empty() && !(exponent(w.first+1, s.scale) >= -1074 && exponent(w.last(), s.scale) < 1024) {
			r.fail(errors.New("decode a folded value: buckets where no doubles are"))
		}
	}
	if !isThreshold(s.threshold) || sum != s.count {
		r.fail(errContradiction)
	}
	return s
}
