// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import "math/bits"

// total is what histograms of both kinds have besides buckets. The zero total is that of
// no measurements, of which the sum is 0 and there is neither a lowest nor a highest.
type total struct {
	count    uint64
	sum      precise
	min, max float64

	// Measurements whose sum, lowest or highest is not known make that of all unknown. A
	// point of no measurements says nothing about them, whatever it leaves out.
	noSum, noMin, noMax bool
}

// known is a number that a point may leave out. One that is not finite is as good as left
// out: it is no reason to lose the counts.
type known struct {
	value float64
	set   bool
}

func (k known) get() (value float64, unknown bool) {
	if !k.set || !finite(k.value) {
		return 0, true
	}
	return k.value, false
}

// totalOf returns the total of a point.
func totalOf(count uint64, sum, lowest, highest known) total {
	t := total{count: count}
	if count > 0 {
		t.sum.hi, t.noSum = sum.get()
		t.min, t.noMin = lowest.get()
		t.max, t.noMax = highest.get()
	}
	return t
}

// hasRoom returns whether the counts of both fit into 64 bits.
func (t *total) hasRoom(o *total) bool {
	_, carry := bits.Add64(t.count, o.count, 0)
	return carry == 0
}

func (t *total) plus(o *total) {
	if o.count > 0 {
		if t.count == 0 {
			t.min, t.max = o.min, o.max
		}
		t.min, t.max = min(t.min, o.min), max(t.max, o.max)
		t.noSum, t.noMin, t.noMax = t.noSum || o.noSum, t.noMin || o.noMin, t.noMax || o.noMax
	}
	t.count += o.count
	t.sum = t.sum.add(o.sum)
	t.noSum = t.noSum || !finite(t.sum.hi)
	t.forgetSum()
}

// forgetSum leaves nothing of a sum that is not known.
func (t *total) forgetSum() {
	if t.noSum {
		t.sum = precise{}
	}
}

// replaceByDifference makes t what a later total has beyond it. Extremes have no
// difference.
func (t *total) replaceByDifference(later *total) {
	*t = total{
		count: later.count - t.count,
		sum:   later.sum.minus(t.sum),
		noSum: later.noSum || t.noSum,
		noMin: true,
		noMax: true,
	}
	t.forgetSum()
}

// totalPoint is a point of a histogram of either kind that is written.
type totalPoint interface {
	SetCount(uint64)
	SetSum(float64)
	SetMin(float64)
	SetMax(float64)
}

func writeTotal[P totalPoint](t *total, p P, extremes bool) {
	p.SetCount(t.count)
	if !t.noSum {
		p.SetSum(t.sum.hi)
	}
	if !extremes || t.count == 0 {
		return
	}
	if !t.noMin {
		p.SetMin(t.min)
	}
	if !t.noMax {
		p.SetMax(t.max)
	}
}
