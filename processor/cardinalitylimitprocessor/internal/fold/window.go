// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// window is one side of an exponential histogram: a run of buckets, the first of which has
// the index first. Indexes are of 64 bits, so that no sum of them overflows.
type window struct {
	first  int64
	counts []uint64
}

func (w *window) empty() bool { return len(w.counts) == 0 }

// emptied returns an empty window in the memory of w.
func (w *window) emptied() window { return window{counts: w.counts[:0]} }

func (w *window) last() int64 { return w.first + int64(len(w.counts)) - 1 }

// at returns the count of bucket i.
func (w *window) at(i int64) uint64 {
	if i < w.first || i > w.last() {
		return 0
	}
	return w.counts[i-w.first]
}

// anyOf returns whether there are measurements in the buckets that a shift makes bucket i.
func (w *window) anyOf(i int64, by uint) bool {
	if by == 0 {
		return w.at(i) > 0
	}
	for j, c := range w.counts {
		if c > 0 && (w.first+int64(j))>>by == i {
			return true
		}
	}
	return false
}

// extent returns the first and the last bucket that is not empty, and false if all are.
func (w *window) extent() (from, to int64, some bool) {
	i, j := 0, len(w.counts)-1
	for i <= j && w.counts[i] == 0 {
		i++
	}
	for j > i && w.counts[j] == 0 {
		j--
	}
	return w.first + int64(i), w.first + int64(j), i <= j
}

// beyond returns the extent of w, or without looking all of it if a sum already reaches
// over it: if w is at no lower scale.
func (w *window) beyond(sum *window, by uint, finer bool) (from, to int64, some bool) {
	if finer && !w.empty() && w.first>>by >= sum.first && w.last()>>by <= sum.last() {
		return w.first, w.last(), true
	}
	return w.extent()
}

// width returns how many buckets there are between two, inclusive, after a shift.
func width(from, to int64, by uint) int64 { return to>>by - from>>by + 1 }

// fits returns whether w, shifted, has room for more buckets, shifted.
func (w *window) fits(from, to int64, own, by uint) bool {
	from, to = from>>by, to>>by
	if !w.empty() {
		from, to = min(from, w.first>>own), max(to, w.last()>>own)
	}
	return to-from < maxScaled
}

// load fills an empty window with the buckets of a point, shifted.
func (w *window) load(b pmetric.ExponentialHistogramDataPointBuckets, from, to int64, by uint) {
	w.include(from>>by, to>>by)
	counts, offset := b.BucketCounts(), int64(b.Offset())
	for i := from; i <= to; i++ {
		w.counts[i>>by-w.first] += counts.At(int(i - offset))
	}
}

// include makes the window reach over buckets, for which there must be room.
func (w *window) include(from, to int64) {
	if w.empty() {
		w.first = from
	}
	if more := int(to - w.last()); more > 0 {
		w.grow(more)
	}
	if more := int(w.first - from); more > 0 {
		w.grow(more)
		copy(w.counts[more:], w.counts)
		clear(w.counts[:more])
		w.first = from
	}
}

func (w *window) grow(more int) {
	n := len(w.counts)
	w.counts = slices.Grow(w.counts, more)[:n+more]
	clear(w.counts[n:])
}

// add adds the buckets of o, shifted, and returns the counts of those that are not above
// the threshold instead.
func (w *window) add(o *window, from, to int64, by uint, scale int32, threshold float64) (zero uint64) {
	counts := o.counts[from-o.first : to-o.first+1]
	if threshold > 0 {
		lowest := bucketOf(threshold, scale) + 1
		for len(counts) > 0 && from>>by < lowest {
			zero += counts[0]
			counts = counts[1:]
			from++
		}
		if len(counts) == 0 {
			return zero
		}
	}
	w.include(from>>by, to>>by)
	if by == 0 {
		sums := w.counts[from-w.first:][:len(counts)]
		for i, c := range counts {
			sums[i] += c
		}
		return zero
	}
	for i, c := range counts {
		w.counts[(from+int64(i))>>by-w.first] += c
	}
	return zero
}

// coarsen lowers the scale.
func (w *window) coarsen(by uint) {
	if w.empty() {
		return
	}
	first, n := w.first>>by, int(width(w.first, w.last(), by))
	for i, c := range w.counts {
		// No bucket moves up.
		if to := (w.first+int64(i))>>by - first; to != int64(i) {
			w.counts[i] = 0
			w.counts[to] += c
		}
	}
	w.first, w.counts = first, w.counts[:n]
}

// cut removes all buckets before one and returns their sum.
func (w *window) cut(before int64) (sum uint64) {
	n := int(max(0, min(before-w.first, int64(len(w.counts)))))
	if n == 0 {
		return 0
	}
	for _, c := range w.counts[:n] {
		sum += c
	}
	w.counts = w.counts[:copy(w.counts, w.counts[n:])]
	w.first += int64(n)
	return sum
}

// fell returns whether w cannot continue an earlier window.
func (w *window) fell(earlier *window) bool {
	from, to, some := earlier.extent()
	if !some {
		return false
	}
	if from < w.first || to > w.last() {
		return true
	}
	now := w.counts[from-w.first:]
	for i, c := range earlier.counts[from-earlier.first : to-earlier.first+1] {
		if now[i] < c {
			return true
		}
	}
	return false
}

// replaceByDifference makes w what a later window has beyond it.
func (w *window) replaceByDifference(later *window) {
	if later.empty() {
		w.counts = w.counts[:0] // it was nothing but zeros
		return
	}
	w.include(later.first, later.last())
	now := w.counts[later.first-w.first:][:len(later.counts)]
	for i, c := range later.counts {
		now[i] = c - now[i]
	}
}

// set makes w a copy of o.
func (w *window) set(o *window) { w.first, w.counts = o.first, append(w.counts[:0], o.counts...) }

func (w *window) write(b pmetric.ExponentialHistogramDataPointBuckets) {
	if from, to, some := w.extent(); some {
		b.SetOffset(int32(from))
		b.BucketCounts().FromRaw(w.counts[from-w.first : to-w.first+1])
	}
}

// exponent returns the binary logarithm of the lower bound of bucket i.
func exponent(i int64, scale int32) float64 { return math.Ldexp(float64(i), -int(scale)) }

// bound returns the lower bound of bucket i, or the largest double if it is larger.
func bound(i int64, scale int32) float64 {
	return min(math.Exp2(exponent(i, scale)), math.MaxFloat64)
}

// bucketOf returns which bucket holds a positive number. Logarithms are inexact by less
// than a bucket, which is corrected.
func bucketOf(v float64, scale int32) int64 {
	i := int64(math.Ceil(math.Ldexp(math.Log2(v), int(scale)))) - 1
	switch {
	case bound(i, scale) >= v:
		i--
	case bound(i+1, scale) < v:
		i++
	}
	return i
}
