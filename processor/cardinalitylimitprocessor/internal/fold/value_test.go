// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"math"
	"math/big"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

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

func gaugePoint(at pcommon.Timestamp, v int64) pmetric.NumberDataPoint {
	p := intPoint(v)
	p.SetTimestamp(at)
	return p
}

func ended() pmetric.NumberDataPoint {
	p := pmetric.NewNumberDataPoint()
	p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	return p
}

func TestFormOf(t *testing.T) {
	sum := func(temporality pmetric.AggregationTemporality, monotonic bool) pmetric.Metric {
		m := pmetric.NewMetric()
		m.SetEmptySum().SetAggregationTemporality(temporality)
		m.Sum().SetIsMonotonic(monotonic)
		return m
	}
	of := func(set func(pmetric.Metric)) pmetric.Metric {
		m := pmetric.NewMetric()
		set(m)
		return m
	}
	cases := map[string]struct {
		metric pmetric.Metric
		form   Form
		reason Reason
	}{
		"delta counter":            {sum(pmetric.AggregationTemporalityDelta, true), Form{Monotonic: true}, Foldable},
		"delta up-down counter":    {sum(pmetric.AggregationTemporalityDelta, false), Form{}, Foldable},
		"gauge":                    {of(func(m pmetric.Metric) { m.SetEmptyGauge() }), Form{Gauge: true}, Foldable},
		"cumulative":               {sum(pmetric.AggregationTemporalityCumulative, true), Form{}, CumulativeSum},
		"temporality not set":      {sum(pmetric.AggregationTemporalityUnspecified, true), Form{}, UnspecifiedTemporality},
		"histogram":                {of(func(m pmetric.Metric) { m.SetEmptyHistogram() }), Form{}, Histogram},
		"exponential histogram":    {of(func(m pmetric.Metric) { m.SetEmptyExponentialHistogram() }), Form{}, ExponentialHistogram},
		"summary":                  {of(func(m pmetric.Metric) { m.SetEmptySummary() }), Form{}, Summary},
		"a metric without a type ": {pmetric.NewMetric(), Form{}, InvalidValue},
	}
	for name, c := range cases {
		if form, reason := FormOf(c.metric); form != c.form || reason != c.reason {
			t.Errorf("%s: %+v, %q, want %+v, %q", name, form, reason, c.form, c.reason)
		}
	}
}

func TestEveryReasonHasItsOwnName(t *testing.T) {
	seen := map[string]Reason{}
	for r := range Reason(Reasons) {
		if other, ok := seen[r.String()]; ok {
			t.Errorf("reasons %d and %d are both called %q", r, other, r)
		}
		seen[r.String()] = r
	}
}

func TestCheck(t *testing.T) {
	counter, updown, gauge := Form{Monotonic: true}, Form{}, Form{Gauge: true}
	cases := map[string]struct {
		form  Form
		point pmetric.NumberDataPoint
		want  Reason
	}{
		"int":                          {counter, intPoint(1), Foldable},
		"double":                       {counter, doublePoint(1), Foldable},
		"negative int in a counter":    {counter, intPoint(-1), InvalidValue},
		"negative double in a counter": {counter, doublePoint(-1), InvalidValue},
		"negative int":                 {updown, intPoint(-1), Foldable},
		"negative double":              {updown, doublePoint(-1), Foldable},
		"NaN":                          {updown, doublePoint(math.NaN()), InvalidValue},
		"infinity":                     {counter, doublePoint(math.Inf(1)), InvalidValue},
		"minus infinity":               {updown, doublePoint(math.Inf(-1)), InvalidValue},
		"too large to add up":          {counter, doublePoint(1e300), InvalidValue},
		"no value":                     {counter, pmetric.NewNumberDataPoint(), InvalidValue},
		"no value in a gauge":          {gauge, pmetric.NewNumberDataPoint(), InvalidValue},
		"end of a series":              {counter, ended(), NoRecordedValue},
		"end of a gauge":               {gauge, ended(), NoRecordedValue},
		"a gauge may be NaN":           {gauge, doublePoint(math.NaN()), Foldable},
		"a gauge may be negative":      {gauge, intPoint(-1), Foldable},
	}
	for name, c := range cases {
		if got := c.form.check(c.point); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestGaugesFoldToTheLatest(t *testing.T) {
	f := Form{Gauge: true}
	cases := map[string]struct {
		points []pmetric.NumberDataPoint
		want   int64
	}{
		"in order":         {[]pmetric.NumberDataPoint{gaugePoint(1, 10), gaugePoint(2, 20)}, 20},
		"out of order":     {[]pmetric.NumberDataPoint{gaugePoint(2, 20), gaugePoint(1, 10)}, 20},
		"at the same time": {[]pmetric.NumberDataPoint{gaugePoint(1, 10), gaugePoint(1, 20)}, 20},
		"no timestamps":    {[]pmetric.NumberDataPoint{gaugePoint(0, 10), gaugePoint(0, 20)}, 20},
	}
	for name, c := range cases {
		var v Value
		for _, p := range c.points {
			v = f.merge(v, f.of(p))
		}
		if v.latest != c.want || v.Points != len(c.points) {
			t.Errorf("%s: %d of %d points, want %d of %d", name, v.latest, v.Points, c.want, len(c.points))
		}
	}
}

func TestIntegerSumsLeaveTheRangeWithoutLoss(t *testing.T) {
	f := Form{}
	var v Value
	for range 5 {
		v = f.merge(v, f.of(intPoint(math.MaxInt64)))
	}
	want := new(big.Int).Mul(big.NewInt(5), big.NewInt(math.MaxInt64))
	got, windows := new(big.Int), 0
	for v.Points > 0 {
		var part Value
		part, v = f.split(v)
		p := pmetric.NewNumberDataPoint()
		f.write(part, p)
		got.Add(got, big.NewInt(p.IntValue()))
		windows++
	}
	if got.Cmp(want) != 0 || windows != 5 {
		t.Errorf("%v in %d windows, want %v in 5", got, windows, want)
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
		if zero := sum.plus(sum.negated()); zero != (wide{}) {
			t.Fatalf("x - x = %v", zero)
		}
	})
}
