// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadatatest"
)

// balance is what is to be conserved: points of every kind, and what delta sums add up to.
type balance struct {
	points, overflow int
	ints             map[string]int64
	doubles          map[string]float64
}

func newBalance() *balance {
	return &balance{ints: map[string]int64{}, doubles: map[string]float64{}}
}

func (b *balance) add(md pmetric.Metrics) {
	b.points += md.DataPointCount()
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				b.addMetric(m)
			}
		}
	}
}

func (b *balance) addMetric(m pmetric.Metric) {
	numbers := pmetric.NewNumberDataPointSlice()
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		numbers = m.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		numbers = m.Sum().DataPoints()
	default:
	}
	for _, p := range numbers.All() {
		if v, ok := p.Attributes().Get("otel.metric.overflow"); ok && v.Bool() {
			b.overflow++
		}
		if m.Type() == pmetric.MetricTypeGauge || m.Sum().AggregationTemporality() != pmetric.AggregationTemporalityDelta {
			continue
		}
		if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
			b.ints[m.Name()] += p.IntValue()
		} else {
			b.doubles[m.Name()] += p.DoubleValue()
		}
	}
}

// randomBatch has metrics of every type. The values of one metric are of one type.
func randomBatch(rng *rand.Rand) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for range 1 + rng.IntN(3) {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutInt("service.instance.id", rng.Int64N(4))
		for range 1 + rng.IntN(2) {
			sm := rm.ScopeMetrics().AppendEmpty()
			sm.Scope().SetName(fmt.Sprint("scope", rng.IntN(2)))
			for range rng.IntN(5) {
				randomMetric(rng, sm.Metrics().AppendEmpty())
			}
		}
	}
	return md
}

func randomMetric(rng *rand.Rand, m pmetric.Metric) {
	kind, points := rng.IntN(6), rng.IntN(6)
	m.SetName(fmt.Sprint("metric", kind))
	for i := range points {
		query := rng.Int64N(12)
		switch kind {
		case 0, 1:
			if i == 0 {
				m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
				m.Sum().SetIsMonotonic(kind == 0)
			}
			p := m.Sum().DataPoints().AppendEmpty()
			p.Attributes().PutInt("query.id", query)
			if kind == 0 {
				p.SetIntValue(rng.Int64N(1e6))
			} else {
				p.SetDoubleValue(rng.NormFloat64() * 1e3)
			}
		case 2:
			if i == 0 {
				m.SetEmptyGauge()
			}
			p := m.Gauge().DataPoints().AppendEmpty()
			p.Attributes().PutInt("query.id", query)
			p.SetDoubleValue(rng.Float64())
		case 3:
			if i == 0 {
				m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			}
			p := m.Sum().DataPoints().AppendEmpty()
			p.Attributes().PutInt("query.id", query)
			p.SetIntValue(rng.Int64N(1e6))
		case 4:
			if i == 0 {
				m.SetEmptyHistogram()
			}
			m.Histogram().DataPoints().AppendEmpty().Attributes().PutInt("query.id", query)
		default:
			if i == 0 {
				m.SetEmptyExponentialHistogram()
			}
			m.ExponentialHistogram().DataPoints().AppendEmpty().Attributes().PutInt("query.id", query)
		}
	}
}

// What came in is what passed, what was folded and what was dropped, as counted; and delta
// sums add up to the same after as before, whatever the limits.
func TestConservation(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { testConservation(t, rand.New(rand.NewPCG(seed, 5))) })
	}
}

func testConservation(t *testing.T, rng *rand.Rand) {
	t.Helper()
	reading := componenttest.NewTelemetry()
	defer func() { require.NoError(t, reading.Shutdown(t.Context())) }()
	next, clock := &failing{}, newClock()
	perMetric := 1 + rng.IntN(30)
	cfg := limitsOf(perMetric, perMetric*(1+rng.IntN(6)), 12)
	l, err := newLimiterAt(metadatatest.NewSettings(reading), cfg, next, clock.time)
	require.NoError(t, err)

	in, out := newBalance(), newBalance()
	for range 200 {
		clock.advance(time.Duration(rng.IntN(20)) * time.Second)
		batch := randomBatch(rng)
		in.add(batch)
		if rng.IntN(4) == 0 { // the first attempt fails, the sender tries again
			retried := pmetric.NewMetrics()
			batch.CopyTo(retried)
			in.points += retried.DataPointCount()
			next.err = errFull
			if l.ConsumeMetrics(t.Context(), retried) == nil {
				in.points -= batch.DataPointCount() // nothing was left to hand on
				continue
			}
			next.err = nil
		}
		next.err = nil
		require.NoError(t, l.ConsumeMetrics(t.Context(), batch))
	}
	require.NoError(t, l.Shutdown(t.Context()))
	for _, md := range next.AllMetrics() {
		out.add(md)
	}

	require.Equal(t, int64(in.points), counted(t, reading, "otelcol_cardinality_limit_points_in"))
	require.Equal(t, int64(in.points), counted(t, reading, "otelcol_cardinality_limit_points_out"))
	require.Equal(t, in.ints, out.ints)
	for name, want := range in.doubles {
		require.InDelta(t, want, out.doubles[name], 1e-12*math.Max(1e6, math.Abs(want)), name)
	}
	require.Equal(t, int64(out.overflow), counted(t, reading, "otelcol_cardinality_limit_overflow_points_written"))
}

// counted returns what a counter says over all its attributes.
func counted(t *testing.T, reading *componenttest.Telemetry, name string) int64 {
	t.Helper()
	m, err := reading.GetMetric(name)
	if err != nil {
		return 0 // nothing was counted
	}
	n := int64(0)
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		n += p.Value
	}
	return n
}

// byOutcome returns what a counter says for each outcome.
func byOutcome(t *testing.T, m metricdata.Metrics) map[string]int64 {
	t.Helper()
	got := map[string]int64{}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		outcome, ok := p.Attributes.Value("outcome")
		require.True(t, ok)
		got[outcome.AsString()] += p.Value
	}
	return got
}
