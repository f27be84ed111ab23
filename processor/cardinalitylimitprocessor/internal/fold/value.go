// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Value is what a number of points folded to. The zero Value is that of no points.
//
// A Value owns memory: assigning it moves it, and from then on only one of the two may be
// used. Merge into an empty Value makes a copy. It grows to the size of its largest point
// and is used again after Reset, so that folding allocates nothing in the long run, with
// the exception of exemplars that are kept. It may be used by one goroutine at a time.
type Value struct {
	// Points is how many points are in it.
	Points int

	double    bool              // at least one of the numbers is a double
	start, at pcommon.Timestamp // at: of the latest gauge or cumulative point; start: of the latter
	number    number            // also count and sum of a summary
	buckets   *buckets
	scaled    *scaled
	exemplars *reservoir
}

// Since is what a cumulative point had beyond the one before.
type Since uint8

const (
	// Continued means that the difference was added. It is 0 for a point that is repeated.
	Continued Since = iota
	// Baseline is a first point of which nothing is known to be new: nothing was added.
	Baseline
	// Whole is a first point that was added as a whole.
	Whole
	// Restarted means that the source started anew: the point was added as a whole.
	Restarted
	// Late is a point from before the last one, which repeated what this one says. Nothing
	// was added, and the last one stays.
	Late
	// NoRoom means that the counts would leave 64 bits: nothing was added, what the point
	// had beyond the one before is lost, and the next point is compared with this one.
	NoRoom
)

// Empty returns whether no points are in it.
func (v *Value) Empty() bool { return v.Points == 0 }

// Reset empties the value and keeps its memory.
func (v *Value) Reset() {
	v.Points, v.double, v.start, v.at, v.number = 0, false, 0, 0, number{}
	if v.buckets != nil {
		v.buckets.reset()
	}
	if v.scaled != nil {
		v.scaled.reset()
	}
	v.ResetExemplars()
}

// ResetExemplars forgets the exemplars alone. A cumulative value lives longer than the
// window in which its exemplars were seen.
func (v *Value) ResetExemplars() {
	if v.exemplars != nil {
		v.exemplars.reset()
	}
}

// Add folds a point of a delta or of a gauge that does not fold by Sum into v. The point
// has passed Check, and the form is not Sourced. Any reason but Foldable, which can only
// be CountOverflow, leaves v as it was.
func (f Form) Add(v *Value, p *Point) Reason {
	switch p.kind {
	case kindHistogram:
		if !v.histogram().addPoint(p.histogram) {
			return CountOverflow
		}
	case kindExponential:
		if !v.exponential().addPoint(p.exponential) {
			return CountOverflow
		}
	default:
		f.addNumber(v, numberOf(p.number), p.number.ValueType() == pmetric.NumberDataPointValueTypeDouble, p.number.Timestamp())
	}
	v.Points++
	v.keep(p)
	return Foldable
}

// AddSince adds to v what a cumulative point, or one of a level, has beyond last, and then
// sets last to the point, which has passed Check. An empty last is a source that is seen
// for the first time: with whole all of the point is new, without it is a baseline only.
// The first point of a level is always added as a whole.
//
// A source has started anew if its value, its count or one of its buckets fell, or if its
// start is not before the timestamp of the last point. A start that moves otherwise
// contradicts the last point and is believed to be an inexact clock; a start of 0, or one
// that is not before the point's own timestamp, is not known.
func (f Form) AddSince(v, last *Value, p *Point, whole bool) Since {
	start, at := p.Start(), p.Timestamp()
	if start >= at && at != 0 {
		start = 0
	}
	newer := at > last.at || at == 0
	since := last.since(start, at)
	switch {
	case since == Late:
		return Late
	case since == Baseline && (whole || f.Level()):
		since = Whole
	}
	switch p.kind {
	case kindHistogram:
		since = v.histogram().addSince(last.histogram(), p.histogram, since, newer)
	case kindExponential:
		since = v.exponential().addSince(last.exponential(), p.exponential, since, newer)
	default:
		since = f.addNumberSince(v, last, p, since, newer)
	}
	if since == Late {
		return Late
	}
	last.Points, last.at = 1, at
	if start != 0 {
		last.start = start
	}
	switch since {
	case Continued, Whole, Restarted:
		v.Points++
		if newer || since != Continued { // else it is repeated, and its exemplars with it
			v.keep(p)
		}
	default:
	}
	return since
}

// since returns what times alone tell of a point after v.
func (v *Value) since(start, at pcommon.Timestamp) Since {
	switch {
	case v.Empty():
		return Baseline
	case at != 0 && at < v.at:
		return Late
	case start != 0 && v.at != 0 && start > v.at, v.start != 0 && start > v.start && start >= v.at:
		return Restarted
	default:
		return Continued
	}
}

// Subtract takes the last value of a source of a level that ended out of v, and empties
// last. Of other forms nothing has to be taken out, and last is emptied only.
func (f Form) Subtract(v, last *Value) {
	if f.Level() && !last.Empty() {
		v.number = v.number.minus(last.number)
	}
	last.Reset()
}

// Merge folds o, which stays as it is, into v. For sums and histograms the order does not
// matter, but for the rounding of doubles and the width of the zero bucket; of gauges with
// one timestamp o is the later. Any reason but Foldable, which can only be CountOverflow,
// leaves v as it was.
func (f Form) Merge(v, o *Value) Reason {
	if o.Empty() {
		return Foldable
	}
	switch f.Type {
	case pmetric.MetricTypeHistogram:
		if !v.histogram().merge(o.histogram()) {
			return CountOverflow
		}
	case pmetric.MetricTypeExponentialHistogram:
		if !v.exponential().merge(o.exponential()) {
			return CountOverflow
		}
	case pmetric.MetricTypeSummary:
		sum := v.number.plus(o.number)
		if sum.whole.hi != 0 {
			return CountOverflow
		}
		v.number = sum
	default:
		f.addNumber(v, o.number, o.double, o.at)
	}
	v.Points += o.Points
	if o.exemplars != nil {
		v.reservoir().merge(o.exemplars)
	}
	return Foldable
}

// Copy returns the last point of a cumulative source a second time: what it said, and when.
// Merge into an empty Value copies the value alone.
func (f Form) Copy(last *Value) Value {
	var c Value
	f.Merge(&c, last) // into nothing: it fits
	c.start, c.at, c.double = last.start, last.at, last.double
	return c
}

// Split takes v and returns the part of it that fits into one point, and the rest, which
// is no points unless integers left the range of 64 bits. The rest of a delta is for the
// next window; the rest of a cumulative sum needs a series that starts anew.
func (f Form) Split(v Value) (part, rest Value) {
	if f.Type != pmetric.MetricTypeSum && f.Type != pmetric.MetricTypeGauge || v.double {
		return v, Value{}
	}
	fits := wideOf(v.number.whole.clamp())
	if remainder := v.number.whole.minus(fits); remainder != (wide{}) {
		rest = Value{Points: 1, number: number{whole: remainder}}
	}
	v.number.whole = fits
	return v, rest
}

// Write makes m a metric of this form with one point, and puts v, which fits, and its
// exemplars into the point. Name, attributes and times are the caller's.
func (f Form) Write(v *Value, m pmetric.Metric) *Point {
	var p *Point
	switch f.Type {
	case pmetric.MetricTypeHistogram:
		m.SetEmptyHistogram().SetAggregationTemporality(f.temporality())
		p = HistogramPoint(m.Histogram().DataPoints().AppendEmpty())
		v.histogram().write(p.histogram, !f.Cumulative)
	case pmetric.MetricTypeExponentialHistogram:
		m.SetEmptyExponentialHistogram().SetAggregationTemporality(f.temporality())
		p = ExponentialPoint(m.ExponentialHistogram().DataPoints().AppendEmpty())
		v.exponential().write(p.exponential, !f.Cumulative)
	case pmetric.MetricTypeSummary:
		p = SummaryPoint(m.SetEmptySummary().DataPoints().AppendEmpty())
		v.number.writeSummary(p.summary)
	case pmetric.MetricTypeSum:
		m.SetEmptySum().SetAggregationTemporality(f.temporality())
		m.Sum().SetIsMonotonic(f.Monotonic)
		p = NumberPoint(m.Sum().DataPoints().AppendEmpty())
		v.writeNumber(p.number)
	default:
		p = NumberPoint(m.SetEmptyGauge().DataPoints().AppendEmpty())
		v.writeNumber(p.number)
	}
	if v.exemplars != nil && p.kind != kindSummary {
		v.exemplars.write(p.Exemplars())
	}
	return p
}

func (v *Value) histogram() *buckets {
	if v.buckets == nil {
		v.buckets = &buckets{}
	}
	return v.buckets
}

func (v *Value) exponential() *scaled {
	if v.scaled == nil {
		v.scaled = &scaled{}
	}
	return v.scaled
}

func (v *Value) reservoir() *reservoir {
	if v.exemplars == nil {
		v.exemplars = newReservoir()
	}
	return v.exemplars
}

func (v *Value) keep(p *Point) {
	if p.kind == kindSummary {
		return
	}
	if some := p.Exemplars(); some.Len() > 0 {
		v.reservoir().offerAll(some)
	}
}
