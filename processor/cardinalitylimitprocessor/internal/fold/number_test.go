// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

var (
	deltaCounter = Form{Type: pmetric.MetricTypeSum, Monotonic: true}
	deltaUpDown  = Form{Type: pmetric.MetricTypeSum}
	counter      = Form{Type: pmetric.MetricTypeSum, Cumulative: true, Monotonic: true}
	upDown       = Form{Type: pmetric.MetricTypeSum, Cumulative: true}
	summary      = Form{Type: pmetric.MetricTypeSummary, Cumulative: true}
)

func gaugeBy(g GaugeFold) Form { return Form{Type: pmetric.MetricTypeGauge, Gauge: g} }

func intPoint(v int64) pmetric.NumberDataPoint {
	p := pmetric.NewNumberDataPoint()
	p.SetIntValue(v)
	return p
}

func doublePoint(v float64) pmetric.NumberDataPoint {
	p := pmetric.NewNumberDataPoint()
	p.SetDoubleValue(v)
	return p
}

func spanning(start, at pcommon.Timestamp, p *Point) *Point {
	p.SetTimes(start, at)
	return p
}

func ints(start, at pcommon.Timestamp, v int64) *Point {
	return spanning(start, at, NumberPoint(intPoint(v)))
}

func doubles(start, at pcommon.Timestamp, v float64) *Point {
	return spanning(start, at, NumberPoint(doublePoint(v)))
}

func summaryPoint(start, at pcommon.Timestamp, count uint64, sum float64) *Point {
	p := pmetric.NewSummaryDataPoint()
	p.SetCount(count)
	p.SetSum(sum)
	p.QuantileValues().AppendEmpty().SetQuantile(0.5)
	return spanning(start, at, SummaryPoint(p))
}

func ended() pmetric.NumberDataPoint {
	p := pmetric.NewNumberDataPoint()
	p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	return p
}

// written returns the number that a value is written as, and whether it is a double.
func written(f Form, v *Value) (whole int64, double float64, isDouble bool) {
	p := f.Write(v, pmetric.NewMetric()).number
	return p.IntValue(), p.DoubleValue(), p.ValueType() == pmetric.NumberDataPointValueTypeDouble
}

func wholeOf(t *testing.T, f Form, v *Value) int64 {
	t.Helper()
	whole, _, isDouble := written(f, v)
	if isDouble {
		t.Fatal("an integer was written as a double")
	}
	return whole
}

func TestCumulativePointsAddTheirDifference(t *testing.T) {
	type step struct {
		point *Point
		whole bool
		since Since
		total int64
	}
	cases := map[string]struct {
		form  Form
		steps []step
	}{
		"TestT02: a baseline adds nothing": {counter, []step{
			{ints(1, 10, 100), false, Baseline, 0},
			{ints(1, 20, 130), false, Continued, 30},
		}},
		"TestT02: a source that is new adds all": {counter, []step{
			{ints(5, 10, 100), true, Whole, 100},
			{ints(5, 20, 130), true, Continued, 130},
		}},
		"TestT03: a value that fell": {counter, []step{
			{ints(0, 10, 100), true, Whole, 100},
			{ints(0, 20, 7), false, Restarted, 107},
			{ints(0, 30, 9), false, Continued, 109},
		}},
		"TestT03: a start that moved past the last point": {counter, []step{
			{ints(1, 10, 100), true, Whole, 100},
			{ints(15, 20, 150), false, Restarted, 250},
		}},
		"a start that moves inside the window is an inexact clock": {counter, []step{
			{ints(1, 10, 100), true, Whole, 100},
			{ints(2, 20, 150), false, Continued, 150},
			{ints(1, 30, 160), false, Continued, 160},
		}},
		"TestT03: a start that becomes known and is after the last point": {counter, []step{
			{ints(0, 10, 100), true, Whole, 100},
			{ints(15, 20, 150), false, Restarted, 250},
		}},
		"TestT03: a first point of no length, which the next one continues": {counter, []step{
			{ints(10, 10, 100), false, Baseline, 0},
			{ints(10, 20, 150), false, Continued, 50},
			{ints(10, 30, 160), false, Continued, 60},
		}},
		"TestT03: a start at the point's own time is not known": {counter, []step{
			{ints(10, 10, 100), true, Whole, 100},
			{ints(20, 20, 150), false, Continued, 150},
		}},
		"a repeated point": {counter, []step{
			{ints(1, 10, 100), true, Whole, 100},
			{ints(1, 10, 100), true, Continued, 100},
		}},
		"a late point": {counter, []step{
			{ints(1, 10, 100), true, Whole, 100},
			{ints(1, 9, 90), true, Late, 100},
			{ints(1, 20, 101), true, Continued, 101},
		}},
		"a lower value of the same moment": {counter, []step{
			{ints(1, 10, 100), true, Whole, 100},
			{ints(1, 10, 90), true, Late, 100},
			{ints(1, 20, 101), true, Continued, 101},
		}},
		"no timestamps at all": {counter, []step{
			{ints(0, 0, 100), true, Whole, 100},
			{ints(0, 0, 110), true, Continued, 110},
			{ints(0, 0, 5), true, Restarted, 115},
		}},
		"TestT08: a level is known from its first point": {upDown, []step{
			{ints(1, 10, 100), false, Whole, 100},
			{ints(1, 20, 30), false, Continued, 30},
			{ints(25, 30, -4), false, Restarted, -4},
		}},
		"TestT08: a late point of a level": {upDown, []step{
			{ints(1, 10, 100), false, Whole, 100},
			{ints(1, 9, 150), false, Late, 100},
			{ints(1, 8, 50), false, Late, 100},
			{ints(1, 20, 30), false, Continued, 30},
		}},
		"TestT08: a gauge by sum": {gaugeBy(Sum), []step{
			{ints(0, 10, 100), false, Whole, 100},
			{ints(0, 20, 30), false, Continued, 30},
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var v, last Value
			for i, s := range c.steps {
				if since := c.form.AddSince(&v, &last, s.point, s.whole); since != s.since {
					t.Errorf("step %d: %d, want %d", i, since, s.since)
				}
				if got := wholeOf(t, c.form, &v); got != s.total {
					t.Errorf("step %d: total %d, want %d", i, got, s.total)
				}
			}
		})
	}
}

func TestT07IntegersStayExactAndPromotionLosesNothing(t *testing.T) {
	const odd = 1<<53 + 1
	var v, last Value
	counter.AddSince(&v, &last, ints(1, 10, odd), true)
	if got := wholeOf(t, counter, &v); got != odd {
		t.Errorf("%d, want %d", got, odd)
	}
	counter.AddSince(&v, &last, doubles(1, 20, odd+1.5), true) // 2^53+2, as doubles go
	if _, got, isDouble := written(counter, &v); !isDouble || got != 1<<53+2 {
		t.Errorf("%v, %v, want the double 2^53+2", got, isDouble)
	}
	if since := counter.AddSince(&v, &last, ints(1, 30, odd+2), true); since != Continued {
		t.Errorf("back to integers: %d", since)
	}
	if _, got, isDouble := written(counter, &v); !isDouble || got != 1<<53+4 { // nearest to 2^53+3, ties to even
		t.Errorf("%v, %v, want a double", got, isDouble)
	}
}

func TestT07IntegerSumsLeaveTheRangeWithoutLoss(t *testing.T) {
	var v Value
	for range 5 {
		deltaUpDown.Add(&v, ints(0, 1, math.MaxInt64))
	}
	want := new(big.Int).Mul(big.NewInt(5), big.NewInt(math.MaxInt64))
	got, windows := new(big.Int), 0
	for !v.Empty() {
		var part Value
		part, v = deltaUpDown.Split(v)
		got.Add(got, big.NewInt(wholeOf(t, deltaUpDown, &part)))
		windows++
	}
	if got.Cmp(want) != 0 || windows != 5 {
		t.Errorf("%v in %d windows, want %v in 5", got, windows, want)
	}
}

func TestT08TheLevelOfASourceThatEndedIsTakenOut(t *testing.T) {
	for _, f := range []Form{upDown, gaugeBy(Sum)} {
		var v Value
		rng := rand.New(rand.NewPCG(1, 2))
		lasts := make([]Value, 100)
		for i := range 10_000 {
			f.AddSince(&v, &lasts[rng.IntN(len(lasts))], doubles(0, pcommon.Timestamp(i+1), math.Exp(rng.NormFloat64()*10)), false)
		}
		for i := range lasts {
			f.Subtract(&v, &lasts[i])
			f.Subtract(&v, &lasts[i]) // it has ended already
		}
		if _, got, _ := written(f, &v); math.Abs(got) > 1e-9 {
			t.Errorf("%v: a level of %v without any source", f.Type, got)
		}
	}
	var v, last Value
	counter.AddSince(&v, &last, ints(1, 10, 5), true)
	counter.Subtract(&v, &last)
	if got := wholeOf(t, counter, &v); got != 5 || !last.Empty() {
		t.Errorf("a counter of %d, want 5: what was counted stays", got)
	}
}

func TestT17OfSummariesCountAndSumAddUp(t *testing.T) {
	var v, a, b Value
	summary.AddSince(&v, &a, summaryPoint(1, 10, 3, 1.5), true)
	summary.AddSince(&v, &b, summaryPoint(1, 10, 10, 9), false)
	summary.AddSince(&v, &b, summaryPoint(1, 20, 14, 11), false)
	if since := summary.AddSince(&v, &a, summaryPoint(1, 20, 2, 1), false); since != Restarted {
		t.Errorf("a count that fell: %d", since)
	}
	p := summary.Write(&v, pmetric.NewMetric()).summary
	if p.Count() != 9 || p.Sum() != 4.5 || p.QuantileValues().Len() != 0 {
		t.Errorf("count %d, sum %v, %d quantiles, want 9, 4.5, none", p.Count(), p.Sum(), p.QuantileValues().Len())
	}
	summary.AddSince(&v, &b, summaryPoint(1, 30, math.MaxUint64, 11), false)
	if since := summary.AddSince(&v, &b, summaryPoint(35, 40, 100, 1), false); since != NoRoom {
		t.Errorf("counts beyond 64 bits: %d", since)
	}
	if since := summary.AddSince(&v, &b, summaryPoint(35, 50, 102, 1), false); since != Continued || v.number.whole.lo != math.MaxUint64-3 {
		t.Errorf("after counts beyond 64 bits: %d, count %d", since, v.number.whole.lo)
	}
}

func TestT29APointWithoutAValueIsRefused(t *testing.T) {
	for _, f := range []Form{deltaCounter, counter, upDown, gaugeBy(Last)} {
		if r := f.Check(NumberPoint(ended())); r != NoRecordedValue {
			t.Errorf("%+v: %q", f, r)
		}
	}
}

func TestCheckOfNumbers(t *testing.T) {
	cases := map[string]struct {
		form  Form
		point pmetric.NumberDataPoint
		want  Reason
	}{
		"int":                          {deltaCounter, intPoint(1), Foldable},
		"double":                       {counter, doublePoint(1), Foldable},
		"negative int in a counter":    {deltaCounter, intPoint(-1), InvalidValue},
		"negative double in a counter": {counter, doublePoint(-1), InvalidValue},
		"negative int":                 {deltaUpDown, intPoint(-1), Foldable},
		"negative double":              {upDown, doublePoint(-1), Foldable},
		"NaN":                          {deltaUpDown, doublePoint(math.NaN()), InvalidValue},
		"infinity":                     {counter, doublePoint(math.Inf(1)), InvalidValue},
		"minus infinity":               {upDown, doublePoint(math.Inf(-1)), InvalidValue},
		"too large to add up":          {deltaCounter, doublePoint(1e300), InvalidValue},
		"no value":                     {deltaCounter, pmetric.NewNumberDataPoint(), InvalidValue},
		"no value in a gauge":          {gaugeBy(Last), pmetric.NewNumberDataPoint(), InvalidValue},
		"the last gauge may be NaN":    {gaugeBy(Last), doublePoint(math.NaN()), Foldable},
		"the lowest gauge may not":     {gaugeBy(Min), doublePoint(math.NaN()), InvalidValue},
		"the highest may be infinite":  {gaugeBy(Max), doublePoint(math.Inf(1)), Foldable},
		"a sum of gauges may not":      {gaugeBy(Sum), doublePoint(math.Inf(1)), InvalidValue},
		"a gauge may be negative":      {gaugeBy(Last), intPoint(-1), Foldable},
	}
	for name, c := range cases {
		if got := c.form.Check(NumberPoint(c.point)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if r := summary.Check(summaryPoint(0, 1, 1, math.NaN())); r != InvalidValue {
		t.Errorf("a summary whose sum is NaN: %q", r)
	}
}

func TestGaugesFold(t *testing.T) {
	cases := map[string]struct {
		by     GaugeFold
		points []*Point
		want   float64
	}{
		"last, in order":                      {Last, []*Point{ints(0, 1, 10), ints(0, 2, 20)}, 20},
		"last, out of order":                  {Last, []*Point{ints(0, 2, 20), ints(0, 1, 10)}, 20},
		"last, at the same time":              {Last, []*Point{ints(0, 1, 10), ints(0, 1, 20)}, 20},
		"last, without timestamps":            {Last, []*Point{ints(0, 0, 10), ints(0, 0, 20)}, 20},
		"last, of both kinds":                 {Last, []*Point{ints(0, 1, 10), doubles(0, 2, 2.5)}, 2.5},
		"lowest":                              {Min, []*Point{ints(0, 1, 10), ints(0, 2, -20), ints(0, 3, 5)}, -20},
		"lowest of both kinds":                {Min, []*Point{ints(0, 1, 10), doubles(0, 2, 9.5), ints(0, 2, 10)}, 9.5},
		"highest":                             {Max, []*Point{doubles(0, 1, 10), ints(0, 2, 11), doubles(0, 3, 10.5)}, 11},
		"highest beyond the range of doubles": {Max, []*Point{ints(0, 1, 1<<53), ints(0, 2, 1<<53+1), doubles(0, 1, 1<<53)}, 1<<53 + 1},
	}
	for name, c := range cases {
		f := gaugeBy(c.by)
		var v, merged Value
		for _, p := range c.points {
			f.Add(&v, p)
			var one Value
			f.Add(&one, p)
			f.Merge(&merged, &one)
		}
		for _, v := range []*Value{&v, &merged} {
			whole, double, isDouble := written(f, v)
			if !isDouble {
				double = float64(whole)
			}
			if double != c.want || v.Points != len(c.points) {
				t.Errorf("%s: %v of %d points, want %v of %d", name, double, v.Points, c.want, len(c.points))
			}
		}
	}
}

func TestT07DoublesAddUpToARelativeErrorOf1e12(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var v, halves [2]Value
		want := new(big.Float).SetPrec(2000)
		for i := range 500 {
			x := math.Exp(rng.NormFloat64() * 30)
			if rng.IntN(2) == 0 {
				x = -x
			}
			want.Add(want, big.NewFloat(x))
			deltaUpDown.Add(&v[0], doubles(0, 1, x))
			deltaUpDown.Add(&halves[i%2], doubles(0, 1, x))
		}
		deltaUpDown.Merge(&halves[1], &halves[0])
		for _, v := range []*Value{&v[0], &halves[1]} {
			_, got, _ := written(deltaUpDown, v)
			exact, _ := want.Float64()
			if math.Abs(got-exact) > 1e-12*math.Abs(exact) {
				t.Fatalf("%v, want %v", got, exact)
			}
		}
	}
}

func TestG12ACounterOfDoublesNeverFalls(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var v Value
	lasts, values := make([]Value, 20), make([]float64, 20)
	before := 0.0
	for i := range 50_000 {
		s := rng.IntN(len(lasts))
		values[s] += math.Exp(rng.NormFloat64() * 20)
		if rng.IntN(100) == 0 {
			values[s] = rng.Float64()
		}
		counter.AddSince(&v, &lasts[s], doubles(0, pcommon.Timestamp(i+1), values[s]), true)
		_, now, _ := written(counter, &v)
		if now < before {
			t.Fatalf("step %d: fell from %v to %v", i, before, now)
		}
		before = now
	}
}

func FuzzWide(f *testing.F) {
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MinInt64))
	f.Add(int64(-1), int64(1), int64(0))
	f.Add(int64(math.MinInt64), int64(math.MinInt64), int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, a, b, c int64) {
		sum := wideOf(a).plus(wideOf(b)).plus(wideOf(c))
		want := new(big.Int).Add(new(big.Int).Add(big.NewInt(a), big.NewInt(b)), big.NewInt(c))
		got := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(int64(sum.hi)), 64), new(big.Int).SetUint64(sum.lo))
		if got.Cmp(want) != 0 {
			t.Fatalf("%d + %d + %d = %v, want %v", a, b, c, got, want)
		}
		if want.IsInt64() && sum.clamp() != want.Int64() {
			t.Fatalf("clamp(%v) = %d", want, sum.clamp())
		}
		if !want.IsInt64() && (sum.clamp() == math.MinInt64) != (want.Sign() < 0) {
			t.Fatalf("clamp(%v) = %d", want, sum.clamp())
		}
		if zero := sum.minus(sum); zero != (wide{}) {
			t.Fatalf("x - x = %v", zero)
		}
		nearest, _ := new(big.Float).SetInt(want).Float64()
		if double := (precise{}).plusWide(sum).hi; double != nearest {
			t.Fatalf("%v as a double: %v, want %v", want, double, nearest)
		}
	})
}

func TestG11IntegersAreConservedExactly(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 11))
		type process struct {
			start pcommon.Timestamp
			value int64
			last  Value
			told  int64
			past  []*Point
		}
		var v Value
		want := new(big.Int)
		processes := make([]process, 1+rng.IntN(6))
		now := pcommon.Timestamp(10)
		for range 100 {
			s := &processes[rng.IntN(len(processes))]
			now += 2
			anew := false
			switch rng.IntN(10) {
			case 0: // with a start that tells, or with a value that does
				anew, s.past = true, nil
				if rng.IntN(2) == 0 {
					s.start, s.value = now, rng.Int64()
				} else if s.value = 0; s.told == 0 {
					anew = false
				} else {
					s.start, s.value = 0, rng.Int64N(s.told)
				}
			case 1:
				if len(s.past) > 0 {
					counter.AddSince(&v, &s.last, s.past[rng.IntN(len(s.past))], true)
				}
				continue
			default:
				s.value += rng.Int64N(max(1, (math.MaxInt64-s.value)>>rng.IntN(60)))
			}
			now++
			p, known := ints(s.start, now, s.value), s.last.Empty()
			whole := rng.IntN(2) == 0
			counter.AddSince(&v, &s.last, p, whole)
			switch {
			case known && !whole:
			case known || anew:
				want.Add(want, big.NewInt(s.value))
			default:
				want.Add(want, big.NewInt(s.value-s.told))
			}
			s.told = s.value
			s.past = append(s.past, p)
		}
		got := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(int64(v.number.whole.hi)), 64), new(big.Int).SetUint64(v.number.whole.lo))
		if got.Cmp(want) != 0 {
			t.Fatalf("seed %d: %v, want %v", seed, got, want)
		}
	}
}

func TestMergeOfNumbersIsAssociativeAndCommutative(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 13))
	for _, f := range []Form{deltaCounter, deltaUpDown, upDown, gaugeBy(Min), gaugeBy(Max), gaugeBy(Sum)} {
		for range 200 {
			var abc [3]Value
			for i := range abc {
				p := ints(0, pcommon.Timestamp(i), rng.Int64())
				if rng.IntN(2) == 0 {
					p = doubles(0, pcommon.Timestamp(i), float64(rng.IntN(1000)))
				}
				f.addNumber(&abc[i], numberOf(p.number), p.number.ValueType() == pmetric.NumberDataPointValueTypeDouble, 0)
				abc[i].Points++
			}
			sameInEveryOrder(t, f, &abc, func(v *Value) []byte { return v.Append(nil) })
		}
	}
}
