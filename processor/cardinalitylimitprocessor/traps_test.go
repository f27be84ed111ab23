// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Traps that limiters fall into, through the whole processor. Those of the algebra, of the
// books and of fingerprints have their tests beside that code, under their numbers.

// edited returns a counter after a change of its only point, metric or resource.
func edited(edit func(rm pmetric.ResourceMetrics, m pmetric.Metric, p pmetric.NumberDataPoint)) pmetric.Metrics {
	md := counter("c", 1)
	rm := md.ResourceMetrics().At(0)
	m := rm.ScopeMetrics().At(0).Metrics().At(0)
	edit(rm, m, m.Sum().DataPoints().At(0))
	return md
}

// sameSeries reports whether a limiter with one place takes b for the series of a.
func sameSeries(t *testing.T, a, b pmetric.Metrics) bool {
	t.Helper()
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, limits(1), sink, newClock().time)
	require.NoError(t, l.ConsumeMetrics(t.Context(), a))
	require.NoError(t, l.ConsumeMetrics(t.Context(), b))
	return l.table.Usage().Series == 1 && l.board.Report(testStart, 1, nil, nil).Totals.RefusedPoints == 0
}

func TestT19ToT23Identity(t *testing.T) {
	type edit = func(pmetric.ResourceMetrics, pmetric.Metric, pmetric.NumberDataPoint)
	attributes := func(pairs ...any) edit {
		return func(_ pmetric.ResourceMetrics, _ pmetric.Metric, p pmetric.NumberDataPoint) {
			p.Attributes().Clear()
			for i := 0; i < len(pairs); i += 2 {
				_ = p.Attributes().PutEmpty(pairs[i].(string)).FromRaw(pairs[i+1])
			}
		}
	}
	metric := func(change func(m pmetric.Metric)) edit {
		return func(_ pmetric.ResourceMetrics, m pmetric.Metric, _ pmetric.NumberDataPoint) { change(m) }
	}
	nothing := func(pmetric.ResourceMetrics, pmetric.Metric, pmetric.NumberDataPoint) {}
	for name, c := range map[string]struct {
		a, b edit
		same bool
	}{
		"T19 order":            {attributes("a", "1", "b", "2"), attributes("b", "2", "a", "1"), true},
		"T21 absent and empty": {attributes(), attributes("k", ""), false},
		"T21 empty and null":   {attributes("k", ""), attributes("k", nil), false},
		"T21 int and text":     {attributes("k", int64(1)), attributes("k", "1"), false},
		"T21 int and double":   {attributes("k", int64(1)), attributes("k", 1.0), false},
		"T21 bytes and text":   {attributes("k", []byte("x")), attributes("k", "x"), false},
		"T21 nested order": {
			attributes("k", map[string]any{"a": "1", "b": "2"}), attributes("k", map[string]any{"b": "2", "a": "1"}), true,
		},
		"T22 run together": {attributes("a", "bc"), attributes("ab", "c"), false},
		"T22 separators":   {attributes("a", "b\x00c", "d", ""), attributes("a", "b", "d", "c\x00"), false},
		"T23 resource": {nothing, func(rm pmetric.ResourceMetrics, _ pmetric.Metric, _ pmetric.NumberDataPoint) {
			rm.Resource().Attributes().PutStr("service.instance.id", "e2")
		}, false},
		"T23 scope": {nothing, func(rm pmetric.ResourceMetrics, _ pmetric.Metric, _ pmetric.NumberDataPoint) {
			rm.ScopeMetrics().At(0).Scope().SetVersion("2")
		}, false},
		"T23 unit":         {nothing, metric(func(m pmetric.Metric) { m.SetUnit("s") }), false},
		"T23 monotonicity": {nothing, metric(func(m pmetric.Metric) { m.Sum().SetIsMonotonic(false) }), false},
		"T23 temporality": {nothing, metric(func(m pmetric.Metric) {
			m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		}), false},
		"T23 description": {nothing, metric(func(m pmetric.Metric) { m.SetDescription("other") }), true},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.same, sameSeries(t, edited(c.a), edited(c.b))) })
	}
}

// Who can choose attributes cannot choose fingerprints: they differ from process to process.
func TestT24FingerprintsAreSecret(t *testing.T) {
	seen := map[uint64]bool{}
	for range 10 {
		l := newTestLimiter(t, limits(1), consumertest.NewNop(), newClock().time)
		seen[l.hasher.Text("query.id")] = true
	}
	assert.Len(t, seen, 10)
}

// An overflow point that comes from elsewhere passes, has a budget apart, and stays itself.
func TestT25OverflowOfOthersIsLeftAlone(t *testing.T) {
	theirs := func(query int) pmetric.Metrics {
		return edited(func(_ pmetric.ResourceMetrics, _ pmetric.Metric, p pmetric.NumberDataPoint) {
			p.Attributes().PutInt("query.id", int64(query))
			p.Attributes().PutBool("otel.metric.overflow", true)
		})
	}
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, limits(1), sink, newClock().time)
	for _, md := range []pmetric.Metrics{counter("c", 1), theirs(0), counter("c", 1), theirs(0)} {
		require.NoError(t, l.ConsumeMetrics(t.Context(), md))
	}
	overflow, passed := windows(sink.AllMetrics(), "c")
	assert.Equal(t, 2, passed)
	require.Len(t, overflow, 2)
	for _, md := range sink.AllMetrics() {
		assert.Equal(t, 1, md.ResourceMetrics().Len(), "it was folded into ours")
	}
}

// A start that is not set is not the beginning of time.
func TestT10UnsetStartsDoNotCount(t *testing.T) {
	sink, clock := new(consumertest.MetricsSink), newClock()
	l := newTestLimiter(t, limits(1), sink, clock.time)
	clock.advance(10 * time.Second)
	require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1, 2)))
	overflow, _ := windows(sink.AllMetrics(), "c")
	assert.Equal(t, []window{{0, 10 * time.Second, 1}}, overflow)
}

// A point that comes late is in the window in which it comes.
func TestT11LatePointsDoNotReopenWindows(t *testing.T) {
	sink, clock := new(consumertest.MetricsSink), newClock()
	l := newTestLimiter(t, limits(1), sink, clock.time)
	require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1)))
	for range 2 {
		clock.advance(10 * time.Second)
		require.NoError(t, l.ConsumeMetrics(t.Context(), edited(func(_ pmetric.ResourceMetrics, _ pmetric.Metric, p pmetric.NumberDataPoint) {
			p.Attributes().PutInt("query.id", 2)
			p.SetStartTimestamp(pcommon.NewTimestampFromTime(testStart.Add(-time.Hour)))
			p.SetTimestamp(pcommon.NewTimestampFromTime(testStart.Add(-time.Minute)))
		})))
	}
	overflow, _ := windows(sink.AllMetrics(), "c")
	assert.Equal(t, []window{{0, 10 * time.Second, 1}, {10 * time.Second, 20 * time.Second, 1}}, overflow)
}

// Several points of one series in one batch are several points.
func TestT12SeveralPointsOfASeriesStay(t *testing.T) {
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, limits(1), sink, newClock().time)
	require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1, 1, 1, 2, 2)))
	overflow, passed := windows(sink.AllMetrics(), "c")
	assert.Equal(t, 3, passed)
	require.Len(t, overflow, 1)
	assert.Equal(t, int64(2), overflow[0].value)
}

func TestT27ProcessorsOfOneNameShareNothing(t *testing.T) {
	for range 2 {
		sink := new(consumertest.MetricsSink)
		l := newTestLimiter(t, limits(1), sink, newClock().time)
		require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1)))
		_, passed := windows(sink.AllMetrics(), "c")
		assert.Equal(t, 1, passed)
	}
}

// What is emptied is removed; what came empty stays.
func TestT30EmptiedMetricsAreRemoved(t *testing.T) {
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, limits(1), sink, newClock().time)
	require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1)))
	md := counter("c", 2)
	md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty().SetName("came empty")
	require.NoError(t, l.ConsumeMetrics(t.Context(), md))
	rms := sink.AllMetrics()[1].ResourceMetrics()
	require.Equal(t, 2, rms.Len(), "what is left, and the overflow series")
	metrics := rms.At(0).ScopeMetrics().At(0).Metrics()
	require.Equal(t, 1, metrics.Len())
	assert.Equal(t, "came empty", metrics.At(0).Name())
}

// There is no hour at which everybody competes anew.
func TestT33NoCliffs(t *testing.T) {
	sink, clock := new(consumertest.MetricsSink), newClock()
	l := newTestLimiter(t, limits(10), sink, clock.time)
	own := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for i := range 200 { // minutes
		require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1000+i, 2000+i, 3000+i)))
		require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", own...)))
		if i == 0 {
			clock.advance(2 * time.Minute) // the strangers that were first go
			require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", own...)))
			sink.Reset()
		}
		clock.advance(50 * time.Second)
	}
	_, passed := windows(sink.AllMetrics(), "c")
	assert.Equal(t, 199*10, passed)
}

// Old or future timestamps neither keep a series alive nor kill it.
func TestT34TheClockIsOurs(t *testing.T) {
	for _, at := range []time.Time{time.Unix(1, 0), testStart.Add(1000 * time.Hour)} {
		sink, clock := new(consumertest.MetricsSink), newClock()
		l := newTestLimiter(t, limits(1), sink, clock.time)
		point := func(query int64) pmetric.Metrics {
			return edited(func(_ pmetric.ResourceMetrics, _ pmetric.Metric, p pmetric.NumberDataPoint) {
				p.Attributes().PutInt("query.id", query)
				p.SetTimestamp(pcommon.NewTimestampFromTime(at))
			})
		}
		require.NoError(t, l.ConsumeMetrics(t.Context(), point(1)))
		clock.advance(30 * time.Second)
		require.NoError(t, l.ConsumeMetrics(t.Context(), point(2)))
		clock.advance(time.Minute)
		require.NoError(t, l.ConsumeMetrics(t.Context(), point(3)))
		_, passed := windows(sink.AllMetrics(), "c")
		assert.Equal(t, 2, passed, "the second was refused, the third got the place of the first")
	}
}

// However many knock, nobody who has a place loses it.
func TestT36NoThrash(t *testing.T) {
	sink, clock := new(consumertest.MetricsSink), newClock()
	l := newTestLimiter(t, limits(5), sink, clock.time)
	for i := range 100 {
		flood := []int{0, 1, 2, 3, 4}
		for k := range 50 {
			flood = append(flood, 100+50*i+k)
		}
		require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", flood...)))
		clock.advance(10 * time.Second)
	}
	got := map[string]int{}
	for _, md := range sink.AllMetrics() {
		for _, p := range numbers(md).All() {
			id, _ := p.Attributes().Get("query.id")
			got[fmt.Sprint(id.AsString())]++
		}
	}
	assert.Equal(t, map[string]int{"0": 100, "1": 100, "2": 100, "3": 100, "4": 100}, got)
}
