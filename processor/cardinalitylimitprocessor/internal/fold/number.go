// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"cmp"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// maxDouble is the largest double that is added up. It leaves room for more additions
// than can ever happen before a sum becomes infinite.
const maxDouble = 1e290

// number is an integer and a double that are added up apart from each other, so that
// integers stay exact until the sum is written. A stream that gets both kinds is written
// as doubles, and only then do integers beyond 2^53 lose their last digits.
type number struct {
	whole  wide
	double precise
}

func (n number) plus(o number) number {
	n.whole = n.whole.plus(o.whole)
	if o.double != (precise{}) { // most numbers are whole
		n.double = n.double.add(o.double)
	}
	return n
}

func (n number) minus(o number) number {
	n.whole = n.whole.minus(o.whole)
	if o.double != (precise{}) {
		n.double = n.double.minus(o.double)
	}
	return n
}

func numberOf(p pmetric.NumberDataPoint) number {
	if p.ValueType() == pmetric.NumberDataPointValueTypeDouble {
		return number{double: precise{hi: p.DoubleValue()}}
	}
	return number{whole: wideOf(p.IntValue())}
}

func summaryOf(p pmetric.SummaryDataPoint) number {
	return number{whole: wide{lo: p.Count()}, double: precise{hi: p.Sum()}}
}

func (f Form) addNumber(v *Value, n number, double bool, at pcommon.Timestamp) {
	switch {
	case f.Type != pmetric.MetricTypeGauge || f.Gauge == Sum:
		v.number = v.number.plus(n)
		v.double = v.double || double
		return
	case v.Empty():
	case f.Gauge == Last && at < v.at:
		return
	case f.Gauge == Min && !less(n, double, v.number, v.double):
		return
	case f.Gauge == Max && !less(v.number, v.double, n, double):
		return
	}
	v.number, v.double, v.at = n, double, at
}

// addNumberSince is AddSince for numbers and summaries, whose counts decide. Of two values
// of one moment, which newer is not, the larger one counts.
func (f Form) addNumberSince(v, last *Value, p *Point, since Since, newer bool) Since {
	var n number
	var double bool
	var fell bool
	if p.kind == kindSummary {
		n = summaryOf(p.summary)
		fell = n.whole.lo < last.number.whole.lo
	} else {
		n = numberOf(p.number)
		double = p.number.ValueType() == pmetric.NumberDataPointValueTypeDouble
		fell = f.Monotonic && less(n, double, last.number, last.double)
	}
	if since == Continued && fell {
		if !newer {
			return Late
		}
		since = Restarted
	}
	sum := v.number
	switch {
	case since == Continued, since == Restarted && f.Level(): // a level is what it is, whenever it began
		sum = sum.plus(n.minus(last.number))
	case since != Baseline:
		sum = sum.plus(n)
	}
	if f.Type == pmetric.MetricTypeSummary && sum.whole.hi != 0 {
		since, sum = NoRoom, v.number
	}
	v.number, v.double = sum, v.double || double
	last.number, last.double = n, double
	return since
}

// less compares two single values exactly: no integer is rounded to a double.
func less(a number, aDouble bool, b number, bDouble bool) bool {
	switch {
	case aDouble && bDouble:
		return a.double.hi < b.double.hi
	case aDouble:
		return compare(b.whole.clamp(), a.double.hi) > 0
	case bDouble:
		return compare(a.whole.clamp(), b.double.hi) < 0
	default:
		return a.whole.clamp() < b.whole.clamp()
	}
}

func compare(i int64, f float64) int {
	switch {
	case f >= 1<<63:
		return -1
	case f < -1<<63:
		return 1
	}
	whole := math.Trunc(f)
	if c := cmp.Compare(i, int64(whole)); c != 0 {
		return c
	}
	return cmp.Compare(whole, f)
}

func (v *Value) writeNumber(p pmetric.NumberDataPoint) {
	if v.double {
		p.SetDoubleValue(v.number.double.plusWide(v.number.whole).hi)
		return
	}
	p.SetIntValue(v.number.whole.clamp())
}

func (n number) writeSummary(p pmetric.SummaryDataPoint) {
	p.SetCount(n.whole.lo)
	p.SetSum(n.double.hi)
}
