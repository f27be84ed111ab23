// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"math"
	"math/bits"
)

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

func (w wide) minus(o wide) wide {
	lo, borrow := bits.Sub64(w.lo, o.lo, 0)
	hi, _ := bits.Sub64(w.hi, o.hi, borrow)
	return wide{hi: hi, lo: lo}
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

// precise is a sum of doubles that keeps what rounding would lose, in lo. Sums do not
// drift, and a level whose sources have all ended is back at 0.
type precise struct{ hi, lo float64 }

// twoSum returns a+b and what rounding lost of it. It is exact.
func twoSum(a, b float64) (sum, lost float64) {
	sum = a + b
	bb := sum - a
	return sum, (a - (sum - bb)) + (b - bb)
}

func (s precise) plus(v float64) precise { return s.add(precise{hi: v}) }

func (s precise) add(o precise) precise {
	hi, lost := twoSum(s.hi, o.hi)
	lo := s.lo + (lost + o.lo)
	hi, lo = twoSum(hi, lo)
	return precise{hi: hi, lo: lo}
}

// minus returns s-o. Of two values that stem from single doubles the result is exact.
func (s precise) minus(o precise) precise { return s.add(precise{hi: -o.hi, lo: -o.lo}) }

// plusWide adds an integer. All its parts are exact as doubles.
func (s precise) plusWide(w wide) precise {
	s = s.plus(math.Ldexp(float64(int64(w.hi)), 64))
	s = s.plus(math.Ldexp(float64(w.lo>>32), 32))
	return s.plus(float64(w.lo & math.MaxUint32))
}
