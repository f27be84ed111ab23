// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"math/bits"
	"slices"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// MaxBuckets is the largest number of buckets of an explicit histogram that is folded.
const MaxBuckets = 1024

// buckets is an explicit histogram. Histograms whose bounds differ are added up on the
// bounds that they share, which is exact: every shared bound parts both alike. If they
// share none a single bucket is left.
type buckets struct {
	total

	bounds []float64 // never written once set, so that they can be shared
	counts []uint64  // one more than bounds, or none: no points

	scratch *buckets // the point that is being folded; its bounds are its own
}

// checkHistogram accepts histograms without buckets, whose count is all that is known. All
// others must have one count more than bounds, rising bounds, and a count that is the sum
// of the counts: which of two contradicting numbers is wrong cannot be known.
func checkHistogram(p pmetric.HistogramDataPoint) Reason {
	bounds, counts := p.ExplicitBounds(), p.BucketCounts()
	b, c := bounds.Len(), counts.Len()
	switch {
	case c > MaxBuckets:
		return TooManyBuckets
	case c == 0 && b == 0:
		return Foldable
	case c != b+1:
		return InvalidValue
	}
	for i := range b {
		bound := bounds.At(i)
		if bound != bound || i > 0 && bound <= bounds.At(i-1) {
			return InvalidValue
		}
	}
	var sum, carry uint64
	for i := range c {
		if sum, carry = bits.Add64(sum, counts.At(i), 0); carry != 0 {
			return InvalidValue
		}
	}
	if sum != p.Count() {
		return InvalidValue
	}
	return Foldable
}

func (b *buckets) empty() bool { return len(b.counts) == 0 }

// reset keeps the bounds: those of the next window are likely to be the same.
func (b *buckets) reset() { b.total, b.counts = total{}, b.counts[:0] }

// load returns the point in memory of b. It is valid until the next load.
func (b *buckets) load(p pmetric.HistogramDataPoint) *buckets {
	if b.scratch == nil {
		b.scratch = &buckets{}
	}
	s := b.scratch
	s.total = totalOfHistogram(p)
	s.bounds, s.counts = s.bounds[:0], s.counts[:0]
	bounds, counts := p.ExplicitBounds(), p.BucketCounts()
	for i := range bounds.Len() {
		s.bounds = append(s.bounds, bounds.At(i))
	}
	for i := range counts.Len() {
		s.counts = append(s.counts, counts.At(i))
	}
	if len(s.counts) == 0 {
		s.counts = append(s.counts, s.count)
	}
	return s
}

func totalOfHistogram(p pmetric.HistogramDataPoint) total {
	return totalOf(p.Count(), known{p.Sum(), p.HasSum()}, known{p.Min(), p.HasMin()}, known{p.Max(), p.HasMax()})
}

// addPoint leaves b as it was and returns false if the counts do not fit.
func (b *buckets) addPoint(p pmetric.HistogramDataPoint) bool {
	if b.count == 0 || !b.sameBounds(p) {
		return b.merge(b.load(p))
	}
	t := totalOfHistogram(p)
	if !b.hasRoom(&t) {
		return false
	}
	counts := p.BucketCounts()
	for i := range b.counts {
		b.counts[i] += counts.At(i)
	}
	b.plus(&t)
	return true
}

// sameBounds reports whether a point has buckets, and exactly those of b.
func (b *buckets) sameBounds(p pmetric.HistogramDataPoint) bool {
	bounds := p.ExplicitBounds()
	if bounds.Len() != len(b.bounds) || p.BucketCounts().Len() != len(b.counts) {
		return false
	}
	for i, bound := range b.bounds {
		if bounds.At(i) != bound {
			return false
		}
	}
	return true
}

// addSince is Form.AddSince. Of two points of one moment, which newer is not, the first
// counts if the other one falls behind it.
func (b *buckets) addSince(last *buckets, p pmetric.HistogramDataPoint, since Since, newer bool) Since {
	now := b.load(p)
	room := true
	if since == Continued && last.count > 0 {
		shared := now
		if !slices.Equal(now.bounds, last.bounds) {
			shared = now.on(intersect(now.bounds, last.bounds))
			last.coarsen(shared.bounds)
		}
		switch {
		case !shared.fell(last):
			last.replaceByDifference(shared)
			room = b.merge(last)
		case newer:
			since = Restarted
			room = b.merge(now)
		default:
			return Late
		}
	} else if since != Baseline {
		room = b.merge(now)
	}
	last.set(now, b.bounds)
	if !room {
		return NoRoom
	}
	return since
}

// fell returns whether b, which has the bounds of an earlier histogram, cannot continue it.
// A count that falls takes a bucket with it.
func (b *buckets) fell(earlier *buckets) bool {
	for i, c := range earlier.counts {
		if b.counts[i] < c {
			return true
		}
	}
	return false
}

// replaceByDifference makes b what a later histogram of the same bounds has beyond it.
func (b *buckets) replaceByDifference(later *buckets) {
	b.total.replaceByDifference(&later.total)
	for i, c := range later.counts {
		b.counts[i] = c - b.counts[i]
	}
}

// set makes b a copy of o. Bounds that are equal to those of b or to others that never
// change are shared with them.
func (b *buckets) set(o *buckets, others []float64) {
	switch {
	case slices.Equal(b.bounds, o.bounds):
	case slices.Equal(others, o.bounds):
		b.bounds = others
	default:
		b.bounds = slices.Clone(o.bounds)
	}
	b.total, b.counts = o.total, append(b.counts[:0], o.counts...)
}

// merge leaves b as it was and returns false if the counts do not fit. Bounds of no
// measurements are not worth losing others for.
func (b *buckets) merge(o *buckets) bool {
	switch {
	case o.empty():
		return true
	case b.count == 0 && (o.count > 0 || b.empty()):
		t := b.total
		b.set(o, nil)
		b.total = t
		b.plus(&o.total)
		return true
	case !b.hasRoom(&o.total):
		return false
	}
	if o.count > 0 {
		b.addCounts(o)
	}
	b.plus(&o.total)
	return true
}

func (b *buckets) addCounts(o *buckets) {
	if slices.Equal(b.bounds, o.bounds) {
		counts := b.counts[:len(o.counts)]
		for i, c := range o.counts {
			counts[i] += c
		}
		return
	}
	if !subset(b.bounds, o.bounds) {
		b.coarsen(intersect(b.bounds, o.bounds))
	}
	j := 0
	for i, c := range o.counts {
		b.counts[j] += c
		if i < len(o.bounds) && j < len(b.bounds) && o.bounds[i] == b.bounds[j] {
			j++
		}
	}
}

// on returns a copy of b on some of its bounds.
func (b *buckets) on(bounds []float64) *buckets {
	c := &buckets{total: b.total, bounds: b.bounds, counts: slices.Clone(b.counts)}
	c.coarsen(bounds)
	return c
}

// coarsen leaves b with some of its bounds.
func (b *buckets) coarsen(bounds []float64) {
	j, sum := 0, uint64(0)
	for i, c := range b.counts {
		sum += c
		if i < len(b.bounds) && j < len(bounds) && b.bounds[i] == bounds[j] {
			b.counts[j], sum = sum, 0
			j++
		}
	}
	b.counts[j] = sum
	b.counts, b.bounds = b.counts[:j+1], bounds
}

// subset returns whether all of some are among all. Both rise.
func subset(some, all []float64) bool {
	i := 0
	for _, bound := range all {
		if i < len(some) && some[i] == bound {
			i++
		}
	}
	return i == len(some)
}

// intersect returns what two rising lists share.
func intersect(a, b []float64) []float64 {
	var shared []float64
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			shared = append(shared, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return shared
}

func (b *buckets) write(p pmetric.HistogramDataPoint, extremes bool) {
	writeTotal(&b.total, p, extremes)
	if !b.empty() {
		p.ExplicitBounds().FromRaw(b.bounds)
		p.BucketCounts().FromRaw(b.counts)
	}
}
