// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// steady is one point of every type, and a step that makes it the next one of its source.
func steady() map[string]struct {
	form  Form
	point *Point
	next  func(i int)
} {
	bounds := make([]float64, 14)
	for i := range bounds {
		bounds[i] = float64(i)
	}
	grow := func(counts pcommon.UInt64Slice, n int) { counts.SetAt(n, counts.At(n)+1) }
	at := func(i int) pcommon.Timestamp { return pcommon.Timestamp(i + 1) }

	number := intPoint(3)
	explicit := pmetric.NewHistogramDataPoint()
	explicit.ExplicitBounds().FromRaw(bounds)
	explicit.BucketCounts().FromRaw(make([]uint64, 15))
	explicit.SetSum(1)
	exponential := pmetric.NewExponentialHistogramDataPoint()
	exponential.SetScale(3)
	exponential.SetSum(1)
	exponential.Positive().SetOffset(-80)
	exponential.Positive().BucketCounts().FromRaw(make([]uint64, 160))
	for i := range 160 {
		grow(exponential.Positive().BucketCounts(), i)
	}
	exponential.SetCount(160)
	summary := pmetric.NewSummaryDataPoint()
	nextNumber := func(i int) { number.SetTimestamp(at(i)) } // setting a number allocates
	nextExplicit := func(i int) {
		explicit.SetTimestamp(at(i))
		explicit.SetCount(explicit.Count() + 1)
		grow(explicit.BucketCounts(), i%15)
	}
	nextExponential := func(i int) {
		exponential.SetTimestamp(at(i))
		exponential.SetCount(exponential.Count() + 1)
		grow(exponential.Positive().BucketCounts(), i%160)
	}
	nextSummary := func(i int) { summary.SetTimestamp(at(i)); summary.SetCount(uint64(i)) }
	return map[string]struct {
		form  Form
		point *Point
		next  func(i int)
	}{
		"delta_sum":              {Form{Type: pmetric.MetricTypeSum, Monotonic: true}, NumberPoint(number), nextNumber},
		"cumulative_sum":         {Form{Type: pmetric.MetricTypeSum, Cumulative: true, Monotonic: true}, NumberPoint(number), nextNumber},
		"gauge":                  {Form{Type: pmetric.MetricTypeGauge}, NumberPoint(number), nextNumber},
		"gauge_by_sum":           {Form{Type: pmetric.MetricTypeGauge, Gauge: Sum}, NumberPoint(number), nextNumber},
		"delta_histogram":        {Form{Type: pmetric.MetricTypeHistogram}, HistogramPoint(explicit), nextExplicit},
		"cumulative_histogram":   {Form{Type: pmetric.MetricTypeHistogram, Cumulative: true}, HistogramPoint(explicit), nextExplicit},
		"delta_exponential":      {Form{Type: pmetric.MetricTypeExponentialHistogram}, ExponentialPoint(exponential), nextExponential},
		"cumulative_exponential": {Form{Type: pmetric.MetricTypeExponentialHistogram, Cumulative: true}, ExponentialPoint(exponential), nextExponential},
		"summary":                {Form{Type: pmetric.MetricTypeSummary, Cumulative: true}, SummaryPoint(summary), nextSummary},
	}
}

func foldOne(f Form, v, last *Value, p *Point) Reason {
	if r := f.Check(p); r != Foldable {
		return r
	}
	if f.Sourced() {
		if f.AddSince(v, last, p, true) == NoRoom {
			return CountOverflow
		}
		return Foldable
	}
	return f.Add(v, p)
}

func BenchmarkFold(b *testing.B) {
	for name, c := range steady() {
		b.Run(name, func(b *testing.B) {
			var v, last Value
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				c.next(i)
				if r := foldOne(c.form, &v, &last, c.point); r != Foldable {
					b.Fatal(r)
				}
				i++
			}
		})
	}
}

func TestFoldingAllocatesNothingInTheLongRun(t *testing.T) {
	for name, c := range steady() {
		var v, last Value
		i := 0
		step := func() {
			c.next(i)
			if r := foldOne(c.form, &v, &last, c.point); r != Foldable {
				t.Fatalf("%s: %v", name, r)
			}
			if i++; i%10 == 0 && !c.form.Sourced() {
				v.Reset()
			}
		}
		step()
		if n := testing.AllocsPerRun(100, step); n != 0 {
			t.Errorf("%s: %v allocations per point", name, n)
		}
	}
}
