// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"math"
	"math/bits"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

const (
	// maxScaled is how many buckets each side of a folded exponential histogram has at most.
	maxScaled = 160
	// maxScale is the finest scale that is kept. Its buckets are 0.00007 % wide.
	maxScale = 20
)

// scaled is an exponential histogram. Bucket i of scale s holds what is above 2^(i/2^s) and
// not above 2^((i+1)/2^s); at scale s-1 it is part of bucket floor(i/2). Histograms are
// added up at the lower of both scales, or at the highest at which the result fits.
//
// https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
type scaled struct {
	total

	used      bool // there are points
	scale     int32
	zero      uint64  // measurements of which not more is known than that they are not above
	threshold float64 // in either direction. No bucket reaches below the threshold.
	positive  window
	negative  window

	scratch *scaled // the point that is being folded
}

// checkExponential demands a count that is the sum of the counts, and buckets of numbers
// that doubles can be.
func checkExponential(p pmetric.ExponentialHistogramDataPoint) Reason {
	sum := p.ZeroCount()
	threshold := p.ZeroThreshold()
	if !isThreshold(threshold) || !add(&sum, p.Positive(), p.Scale()) || !add(&sum, p.Negative(), p.Scale()) || sum != p.Count() {
		return InvalidValue
	}
	return Foldable
}

func isThreshold(v float64) bool { return v >= 0 && v <= math.MaxFloat64 } // false for NaN

// add adds the counts of buckets to sum. It returns false if they do not fit or if there
// are measurements where no doubles are.
func add(sum *uint64, b pmetric.ExponentialHistogramDataPointBuckets, scale int32) bool {
	counts := b.BucketCounts()
	total := *sum
	for i := range counts.Len() {
		var carry uint64
		if total, carry = bits.Add64(total, counts.At(i), 0); carry != 0 {
			return false
		}
	}
	*sum = total
	from, to, some := extent(b)
	return !some || exponent(from+1, scale) >= -1074 && exponent(to, scale) < 1024
}

// extent returns the first and the last bucket that is not empty, and false if all are.
func extent(b pmetric.ExponentialHistogramDataPointBuckets) (from, to int64, some bool) {
	counts := b.BucketCounts()
	i, j := 0, counts.Len()-1
	for i <= j && counts.At(i) == 0 {
		i++
	}
	for j > i && counts.At(j) == 0 {
		j--
	}
	offset := int64(b.Offset())
	return offset + int64(i), offset + int64(j), i <= j
}

func (s *scaled) empty() bool { return !s.used }

func (s *scaled) reset() {
	*s = scaled{positive: s.positive.emptied(), negative: s.negative.emptied(), scratch: s.scratch}
}

// hasBuckets returns whether the scale means anything.
func (s *scaled) hasBuckets() bool { return !s.positive.empty() || !s.negative.empty() }

// load returns the point in memory of s, at no higher scale than most. It is valid until
// the next load. Time is linear in the size of the point, memory bounded.
func (s *scaled) load(p pmetric.ExponentialHistogramDataPoint, most int32) *scaled {
	if s.scratch == nil {
		s.scratch = &scaled{}
	}
	l := s.scratch
	l.reset()
	l.total = totalOf(p.Count(), known{p.Sum(), p.HasSum()}, known{p.Min(), p.HasMin()}, known{p.Max(), p.HasMax()})
	l.used, l.zero = true, p.ZeroCount()
	shift := uint(max(0, int64(p.Scale())-int64(most)))
	pf, pt, pos := extent(p.Positive())
	nf, nt, neg := extent(p.Negative())
	for pos && width(pf, pt, shift) > maxScaled || neg && width(nf, nt, shift) > maxScaled {
		shift++
	}
	l.scale = int32(int64(p.Scale()) - int64(shift))
	if pos {
		l.positive.load(p.Positive(), pf, pt, shift)
	}
	if neg {
		l.negative.load(p.Negative(), nf, nt, shift)
	}
	l.widen(p.ZeroThreshold(), nil, 0)
	return l
}

func (s *scaled) addPoint(p pmetric.ExponentialHistogramDataPoint) bool {
	return s.merge(s.load(p, maxScale))
}

// addSince is Form.AddSince. Of two points of one moment, which newer is not, the first
// counts if the other one falls behind it.
func (s *scaled) addSince(last *scaled, p pmetric.ExponentialHistogramDataPoint, since Since, newer bool) Since {
	most := int32(maxScale)
	compare := since == Continued && last.count > 0
	if compare && last.hasBuckets() {
		most = min(most, last.scale)
	}
	now := s.load(p, most)
	room := true
	if compare {
		last.align(now)
		switch {
		case !now.fell(last):
			last.replaceByDifference(now)
			room = s.merge(last)
		case newer:
			since = Restarted
			now = s.load(p, maxScale)
			room = s.merge(now)
		default:
			return Late
		}
	} else if since != Baseline {
		room = s.merge(now)
	}
	last.set(now)
	if !room {
		return NoRoom
	}
	return since
}

// align brings both to one scale, which is that of now if it has buckets, and to zero
// buckets that hold the same. That of now may end wider, in a bucket that s does not have.
func (s *scaled) align(now *scaled) {
	if s.hasBuckets() && now.hasBuckets() && s.scale > now.scale {
		s.coarsen(now.scale)
	}
	s.widen(max(s.threshold, now.threshold), nil, 0)
	now.widen(s.threshold, nil, 0)
}

// fell returns whether s, to which an earlier histogram was aligned, cannot continue it. A
// count that falls takes a bucket with it.
func (s *scaled) fell(earlier *scaled) bool {
	return s.zero < earlier.zero || s.positive.fell(&earlier.positive) || s.negative.fell(&earlier.negative)
}

// replaceByDifference makes s what a later histogram has beyond it, to which it was aligned.
func (s *scaled) replaceByDifference(later *scaled) {
	s.total.replaceByDifference(&later.total)
	s.scale, s.threshold = later.scale, later.threshold
	s.zero = later.zero - s.zero
	s.positive.replaceByDifference(&later.positive)
	s.negative.replaceByDifference(&later.negative)
}

// set makes s a copy of o.
func (s *scaled) set(o *scaled) {
	positive, negative, scratch := s.positive, s.negative, s.scratch
	*s = *o
	s.positive, s.negative, s.scratch = positive, negative, scratch
	s.positive.set(&o.positive)
	s.negative.set(&o.negative)
}

// merge leaves s as it was and returns false if the counts do not fit.
func (s *scaled) merge(o *scaled) bool {
	if !o.used {
		return true
	}
	if !s.hasRoom(&o.total) {
		return false
	}
	by := shift(o.scale, s.scale)
	pf, pt, pos := o.positive.beyond(&s.positive, by, s.scale <= o.scale)
	nf, nt, neg := o.negative.beyond(&s.negative, by, s.scale <= o.scale)
	if pos || neg {
		scale := o.scale
		if s.hasBuckets() {
			scale = min(scale, s.scale)
		} else {
			s.scale = o.scale
		}
		for pos && !s.positive.fits(pf, pt, shift(s.scale, scale), shift(o.scale, scale)) ||
			neg && !s.negative.fits(nf, nt, shift(s.scale, scale), shift(o.scale, scale)) {
			scale--
		}
		s.coarsen(scale)
	} else if !s.used {
		s.scale = o.scale
	}
	by = shift(o.scale, s.scale)
	s.widen(max(s.threshold, o.threshold), o, by)
	s.zero += o.zero
	if pos {
		s.zero += s.positive.add(&o.positive, pf, pt, by, s.scale, s.threshold)
	}
	if neg {
		s.zero += s.negative.add(&o.negative, nf, nt, by, s.scale, s.threshold)
	}
	s.plus(&o.total)
	s.used = true
	return true
}

// coarsen lowers the scale.
func (s *scaled) coarsen(scale int32) {
	if by := shift(s.scale, scale); by > 0 {
		s.positive.coarsen(by)
		s.negative.coarsen(by)
		s.scale = scale
	}
}

// shift returns by how much indexes of one scale are shifted at a lower one.
func shift(from, to int32) uint { return uint(max(0, int64(from)-int64(to))) }

// widen raises the threshold and moves what is not above it into the zero bucket. If it
// falls inside a bucket that holds measurements of s, or of o shifted by some bits, it is
// raised to the upper bound of that bucket.
func (s *scaled) widen(threshold float64, o *scaled, by uint) {
	if threshold == 0 {
		return
	}
	i := bucketOf(threshold, s.scale)
	if s.positive.at(i) > 0 || s.negative.at(i) > 0 || o != nil && (o.positive.anyOf(i, by) || o.negative.anyOf(i, by)) {
		threshold = max(threshold, bound(i+1, s.scale))
	}
	s.threshold = threshold
	s.zero += s.positive.cut(i+1) + s.negative.cut(i+1)
}

func (s *scaled) write(p pmetric.ExponentialHistogramDataPoint, extremes bool) {
	writeTotal(&s.total, p, extremes)
	p.SetScale(s.scale)
	p.SetZeroCount(s.zero)
	p.SetZeroThreshold(s.threshold)
	s.positive.write(p.Positive())
	s.negative.write(p.Negative())
}
