// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"math"
	"math/bits"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// maxDouble is the largest double that is added up. It leaves room for more additions
// than can ever happen before a sum becomes infinite.
const maxDouble = 1e290

// Value is what a number of points folded to. The zero Value is that of no points.
type Value struct {
	// Points is how many points are in it.
	Points int

	number pmetric.NumberDataPointValueType
	double float64
	whole  wide              // sums of integers
	latest int64             // gauges of integers
	at     pcommon.Timestamp // of the latest gauge point
}

// check returns whether the point's value can take part in a fold of this form.
func (f Form) check(p pmetric.NumberDataPoint) Reason {
	switch {
	case p.Flags().NoRecordedValue():
		return NoRecordedValue
	case p.ValueType() == pmetric.NumberDataPointValueTypeEmpty:
		return InvalidValue
	case f.Gauge:
		return Foldable
	case p.ValueType() == pmetric.NumberDataPointValueTypeInt:
		if f.Monotonic && p.IntValue() < 0 {
			return InvalidValue
		}
	default:
		v := p.DoubleValue()
		if math.IsNaN(v) || math.Abs(v) > maxDouble || f.Monotonic && v < 0 {
			return InvalidValue
		}
	}
	return Foldable
}

// of returns the value of one point that passed check.
func (f Form) of(p pmetric.NumberDataPoint) Value {
	v := Value{Points: 1, number: p.ValueType()}
	switch {
	case v.number == pmetric.NumberDataPointValueTypeDouble:
		v.double = p.DoubleValue()
	case f.Gauge:
		v.latest = p.IntValue()
	default:
		v.whole = wideOf(p.IntValue())
	}
	if f.Gauge {
		v.at = p.Timestamp()
	}
	return v
}

// merge returns the fold of both. Of gauges with one timestamp the later argument wins.
func (f Form) merge(a, b Value) Value {
	switch {
	case a.Points == 0:
		return b
	case b.Points == 0:
		return a
	}
	points := a.Points + b.Points
	if f.Gauge {
		if b.at < a.at {
			b = a
		}
		b.Points = points
		return b
	}
	a.Points = points
	a.double += b.double
	a.whole = a.whole.plus(b.whole)
	return a
}

// split returns the part of a value that fits into one point, and the rest, which is no
// points unless an integer sum left the range of 64 bits.
func (f Form) split(v Value) (part, rest Value) {
	if f.Gauge || v.number != pmetric.NumberDataPointValueTypeInt {
		return v, Value{}
	}
	whole := wideOf(v.whole.clamp())
	remainder := v.whole.plus(whole.negated())
	v.whole = whole
	if remainder == (wide{}) {
		return v, Value{}
	}
	return v, Value{Points: 1, number: v.number, whole: remainder}
}

// write puts a value that fits into a point.
func (f Form) write(v Value, p pmetric.NumberDataPoint) {
	switch {
	case v.number == pmetric.NumberDataPointValueTypeDouble:
		p.SetDoubleValue(v.double)
	case f.Gauge:
		p.SetIntValue(v.latest)
	default:
		p.SetIntValue(v.whole.clamp())
	}
}

// wide is a 128-bit integer in two's complement: as many 64-bit integers as can ever
// arrive add up without overflow.
type wide struct{ hi, lo uint64 }

func wideOf(v int64) wide {
	return wide{hi: uint64(v >> 63), lo: uint64(v)}
}

func (w wide) plus(o wide) wide {
	lo, carry := bits.Add64(w.lo, o.lo, 0)
	hi, _ := bits.Add64(w.hi, o.hi, carry)
	return wide{hi: hi, lo: lo}
}

func (w wide) negated() wide {
	return wide{hi: ^w.hi, lo: ^w.lo}.plus(wide{lo: 1})
}

// clamp returns the nearest 64-bit integer.
func (w wide) clamp() int64 {
	switch {
	case wideOf(int64(w.lo)) == w:
		return int64(w.lo)
	case int64(w.hi) < 0:
		return math.MinInt64
	default:
		return math.MaxInt64
	}
}
