// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadatatest"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
)

// value is an expected data point. The pairs are attributes beside that of the processor.
func value(n int64, pairs ...string) metricdata.DataPoint[int64] {
	set := []attribute.KeyValue{attribute.String("processor", "cardinality_limit")}
	for i := 0; i < len(pairs); i += 2 {
		set = append(set, attribute.String(pairs[i], pairs[i+1]))
	}
	return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(set...)}
}

func one(n int64) []metricdata.DataPoint[int64] { return []metricdata.DataPoint[int64]{value(n)} }

func TestTelemetry(t *testing.T) {
	reading := componenttest.NewTelemetry()
	defer func() { require.NoError(t, reading.Shutdown(t.Context())) }()
	next, clock := &failing{}, newClock()
	l, err := newLimiterAt(metadatatest.NewSettings(reading), limitsOf(2, 3, 2), next, clock.time)
	require.NoError(t, err)

	histogram := pmetric.NewMetrics()
	m := histogram.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("b")
	for i := range 3 {
		if i == 0 {
			m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		}
		m.Histogram().DataPoints().AppendEmpty().Attributes().PutInt("query.id", int64(i))
	}
	consume := func(md pmetric.Metrics) { require.NoError(t, l.ConsumeMetrics(t.Context(), md)) }
	consume(counter("a", 1, 2, 3, 4)) // two pass, two find their metric full
	consume(histogram)                // one passes, two find the table full
	consume(counter("c", 1, 2))       // no room for a third metric
	clock.advance(5 * time.Minute)
	consume(counter("a", 1)) // everything else expired

	no := metricdatatest.IgnoreTimestamp()
	metadatatest.AssertEqualCardinalityLimitPointsIn(t, reading, one(10), no)
	metadatatest.AssertEqualCardinalityLimitPointsOut(t, reading, []metricdata.DataPoint[int64]{
		value(4, "outcome", "passed"),
		value(2, "outcome", "folded", "reason", "metric_full"),
		value(2, "outcome", "folded", "reason", "table_full"),
		value(2, "outcome", "dropped", "reason", "metric_limit"),
	}, no)
	metadatatest.AssertEqualCardinalityLimitOverflowPointsWritten(t, reading, one(2), no)
	metadatatest.AssertEqualCardinalityLimitOverflowPointsHeld(t, reading, one(0), no)
	metadatatest.AssertEqualCardinalityLimitSeriesExpired(t, reading, one(3), no)
	metadatatest.AssertEqualCardinalityLimitSeriesTracked(t, reading, one(1), no)
	metadatatest.AssertEqualCardinalityLimitSeriesLimit(t, reading, one(3), no)
	metadatatest.AssertEqualCardinalityLimitSeriesPerMetricLimit(t, reading, one(2), no)
	metadatatest.AssertEqualCardinalityLimitMetricsTracked(t, reading, one(1), no)
	metadatatest.AssertEqualCardinalityLimitMetricsLimit(t, reading, one(2), no)
	metadatatest.AssertEqualCardinalityLimitMetricsFull(t, reading, one(0), no)
	require.NoError(t, l.Shutdown(t.Context()))
}

func TestWhatCannotBeHandedOnBeforeShutdownIsCounted(t *testing.T) {
	reading := componenttest.NewTelemetry()
	defer func() { require.NoError(t, reading.Shutdown(t.Context())) }()
	core, logs := observer.New(zap.ErrorLevel)
	set := metadatatest.NewSettings(reading)
	set.Logger = zap.New(core)
	next := &failing{}
	l, err := newLimiterAt(set, limits(1), next, newClock().time)
	require.NoError(t, err)

	// What a batch does that finds another one writing.
	s := l.newSieve(testStart, 0)
	s.metrics(t.Context(), counter("a", 1, 2, 3))
	l.ledger.Deposit(s.excess)
	metadatatest.AssertEqualCardinalityLimitOverflowPointsHeld(t, reading, one(2), metricdatatest.IgnoreTimestamp())

	next.err = errFull
	require.NoError(t, l.Shutdown(t.Context()))
	metadatatest.AssertEqualCardinalityLimitPointsOut(t, reading, []metricdata.DataPoint[int64]{
		value(2, "outcome", "dropped", "reason", "shutdown"),
	}, metricdatatest.IgnoreTimestamp())
	require.Len(t, logs.All(), 1)
	assert.Equal(t, int64(2), logs.All()[0].ContextMap()["points"])
}

// logged runs batches through a limiter and returns what it logged.
func logged(t *testing.T, cfg *Config, batches func(consume func(pmetric.Metrics), clock *clock)) []observer.LoggedEntry {
	t.Helper()
	core, logs := observer.New(zapcore.WarnLevel)
	set, clock := nopSettings(), newClock()
	set.Logger = zap.New(core)
	l, err := newLimiterAt(set, cfg, consumertest.NewNop(), clock.time)
	require.NoError(t, err)
	batches(func(md pmetric.Metrics) { require.NoError(t, l.ConsumeMetrics(t.Context(), md)) }, clock)
	require.NoError(t, l.Shutdown(t.Context()))
	return logs.All()
}

func TestWarnsOncePerMetric(t *testing.T) {
	got := logged(t, limits(1), func(consume func(pmetric.Metrics), _ *clock) {
		for range 3 {
			consume(counter("a", 1, 2, 3))
			consume(counter("b", 1, 2, 3))
		}
	})
	require.Len(t, got, 2)
	assert.Equal(t, "Metric has as many series as it may have; points of further series are folded into overflow series", got[0].Message)
	fields := got[0].ContextMap()
	assert.Equal(t, "a", fields["metric"])
	assert.Equal(t, int64(1), fields["max_series_per_metric"])
	assert.Contains(t, fields["fix"], "raise the limit")
	assert.Equal(t, "b", got[1].ContextMap()["metric"])
}

func TestWarningsSayWhatHappensToThePoints(t *testing.T) {
	with := func(action rule.Action) *Config {
		cfg := limits(1)
		cfg.Action = action
		return cfg
	}
	values := limits(9)
	values.MaxValuesPerAttribute = 1
	lent := limitsOf(2, 2, 9)
	lent.LendUntil = 1
	tenant := limitsOf(1, 9, 9)
	tenant.MaxSeriesPerTenant = 1
	for name, tt := range map[string]struct {
		cfg   *Config
		in    []pmetric.Metrics
		says  string
		limit string
	}{
		"room":      {limitsOf(2, 2, 9), []pmetric.Metrics{counter("a", 1, 2)}, "", ""},
		"metric":    {limits(1), []pmetric.Metrics{counter("a", 1, 2)}, "Metric has as many series as it may have; points of further series are folded into overflow series", "max_series_per_metric"},
		"attribute": {values, []pmetric.Metrics{counter("a", 1, 2)}, "Attribute has as many values as it may have; points of further series are folded into overflow series", "max_values_per_attribute"},
		"tenant":    {tenant, []pmetric.Metrics{counter("a", 1), counter("b", 1)}, "Tenant has as many series as it may have; points of further series are folded into overflow series", "max_series_per_tenant"},
		"table":     {lent, []pmetric.Metrics{counter("a", 1, 2), counter("b", 1)}, "No more series may be tracked; points of further series are folded into overflow series", "max_series"},
		"observe":   {with(rule.Observe), []pmetric.Metrics{counter("a", 1, 2)}, "Metric has as many series as it may have; points of further series pass, because the action is observe", "max_series_per_metric"},
		"drop":      {with(rule.Drop), []pmetric.Metrics{counter("a", 1, 2)}, "Metric has as many series as it may have; points of further series are dropped", "max_series_per_metric"},
	} {
		t.Run(name, func(t *testing.T) {
			got := logged(t, tt.cfg, func(consume func(pmetric.Metrics), _ *clock) {
				for _, md := range tt.in {
					consume(md)
				}
			})
			if tt.says == "" {
				assert.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			assert.Equal(t, tt.says, got[0].Message)
			assert.Contains(t, got[0].ContextMap(), tt.limit)
		})
	}
}

// A metric over its limit is explained once: what explodes, how much, and what it looks like.
func TestOffendersAreLogged(t *testing.T) {
	cfg := limits(10)
	cfg.Offenders.Samples = "masked"
	got := logged(t, cfg, func(consume func(pmetric.Metrics), _ *clock) {
		for from := 0; from < 300; from += 100 {
			consume(batchOf(requests("shop", from, from+100)...))
		}
	})
	require.Len(t, got, 2)
	assert.Equal(t, "Metric wants more series than it may have; this attribute has most to do with it", got[1].Message)
	fields := got[1].ContextMap()
	assert.Equal(t, "shop", fields["tenant"])
	assert.Equal(t, "http.requests", fields["metric"])
	assert.Equal(t, "user.id", fields["attribute"])
	assert.Contains(t, []int64{31, 32, 33}, fields["values"])
	assert.Contains(t, fields["samples"], "a99")
}

func TestWarningsAreBounded(t *testing.T) {
	got := logged(t, limitsOf(1, 1000, 50), func(consume func(pmetric.Metrics), clock *clock) {
		for i := range 50 {
			consume(counter(fmt.Sprintf("m%d", i), 1, 2))
		}
		for range 30 {
			consume(counter(strings.Repeat("ä", 5000), 1))
		}
		clock.advance(warnInterval)
		consume(counter("one more", 1))
	})
	require.Len(t, got, 2*warnsPerPeriod+1)
	last := got[len(got)-1].ContextMap()
	assert.Equal(t, "one more", last["metric"])
	assert.Equal(t, int64(50), last["max_metrics"])
	assert.Equal(t, int64(20), last["suppressed"])
	name := got[len(got)-2].ContextMap()["metric"].(string)
	assert.LessOrEqual(t, len(name), maxLoggedName+3)
	assert.True(t, utf8.ValidString(name))
}
