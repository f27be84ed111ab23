// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"math"
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestUnitsAreTurnedIntoOneAnotherOrLeft(t *testing.T) {
	for _, tc := range []struct {
		from, to  string
		value     float64
		want      float64
		converted bool
	}{
		{"ms", "s", 1500, 1.5, true},
		{"us", "s", 100, 0.0001, true},
		{"ns", "s", 1e9, 1, true},
		{"milliseconds", "s", 1, 0.001, true},
		{"h", "s", 2, 7200, true},
		{"KiBy", "By", 2, 2048, true},
		{"%", "{utilization}", 50, 0.5, true},
		{"1", "%", 0.5, 50, true},
		{"1", "{event}", 5, 5, true},
		{"%", "{event}", 5, 5, false},
		{"{request}", "%", 5, 5, false},
		{"By", "s", 5, 5, false},
		{"", "s", 5, 5, false},
		{"furlong", "s", 5, 5, false},
		{"s", "{event}/s", 5, 5, false},
	} {
		m := pmetric.NewMetric()
		m.SetUnit(tc.from)
		m.SetEmptyGauge().DataPoints().AppendEmpty().SetDoubleValue(tc.value)
		converted := scale(m, tc.to)
		unit := tc.from
		if tc.converted {
			unit = tc.to
		}
		if got := m.Gauge().DataPoints().At(0).DoubleValue(); converted != tc.converted || got != tc.want || m.Unit() != unit {
			t.Errorf("%v %s in %s: %v %v %s, want %v", tc.value, tc.from, tc.to, converted, got, m.Unit(), tc.want)
		}
	}
}

func TestIntegersStayWholeWhereTheyCan(t *testing.T) {
	for _, tc := range []struct {
		from  string
		v     int64
		want  float64
		whole bool
	}{
		{"KiBy", 3, 3072, true},
		{"KiBy", -3, -3072, true},
		{"TiBy", math.MaxInt64, float64(math.MaxInt64) * (1 << 40), false},
		{"ms", 1500, 1.5, false},
	} {
		to := units[tc.from].base
		m := pmetric.NewMetric()
		m.SetUnit(tc.from)
		p := m.SetEmptySum().DataPoints().AppendEmpty()
		p.SetIntValue(tc.v)
		if !scale(m, to) {
			t.Fatalf("%s is not turned into %s", tc.from, to)
		}
		got := p.DoubleValue()
		if tc.whole {
			got = float64(p.IntValue())
		}
		if got != tc.want || (p.ValueType() == pmetric.NumberDataPointValueTypeInt) != tc.whole {
			t.Errorf("%d %s: %v as %s, want %v", tc.v, tc.from, got, p.ValueType(), tc.want)
		}
	}
}

// A histogram in another unit says the same of the same events: each is in the
// bucket in which it was, and count, sum and extremes are theirs.
func TestAScaledHistogramHoldsTheSameEvents(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		bounds := []float64{0.5, 1, 10, 250, 1000, 5000}
		m := pmetric.NewMetric()
		m.SetName("query.latency")
		m.SetUnit("ms")
		p := m.SetEmptyHistogram().DataPoints().AppendEmpty()
		p.ExplicitBounds().FromRaw(bounds)
		events := make([]float64, random.IntN(50))
		counts := make([]uint64, len(bounds)+1)
		var sum float64
		for i := range events {
			events[i] = random.Float64() * 8000
			counts[bucketOf(events[i], bounds)]++
			sum += events[i]
			p.SetMin(min(events[0], p.Min()))
			p.SetMax(max(events[i], p.Max()))
		}
		p.BucketCounts().FromRaw(counts)
		p.SetCount(uint64(len(events)))
		p.SetSum(sum)
		lowest, highest := p.Min(), p.Max()

		scale(m, "s")
		for _, ms := range events {
			counts[bucketOf(ms/1000, p.ExplicitBounds().AsRaw())]--
		}
		for i, n := range counts {
			if n != 0 {
				t.Fatalf("bucket %d is off by %d", i, int64(n))
			}
		}
		if p.Count() != uint64(len(events)) || p.Sum() != sum/1000 || p.Min() != lowest/1000 || p.Max() != highest/1000 {
			t.Fatalf("count %d, sum %v, min %v, max %v of %v ms", p.Count(), p.Sum(), p.Min(), p.Max(), events)
		}
	}
}

func bucketOf(v float64, bounds []float64) int {
	for i, bound := range bounds {
		if v <= bound {
			return i
		}
	}
	return len(bounds)
}
