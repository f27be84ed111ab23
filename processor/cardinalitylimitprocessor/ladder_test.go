// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
)

// point is one point of a delta counter, of a service, with these attributes.
type point struct {
	service, metric string
	attributes      []string // key, value, ...
}

// batchOf returns a batch of points of the value one.
func batchOf(points ...point) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for _, p := range points {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("service.name", p.service)
		m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName(p.metric)
		m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		dp := m.Sum().DataPoints().AppendEmpty()
		dp.SetIntValue(1)
		for i := 0; i < len(p.attributes); i += 2 {
			dp.Attributes().PutStr(p.attributes[i], p.attributes[i+1])
		}
	}
	return md
}

// requests are points of one metric that differ in the attribute that explodes.
func requests(service string, from, to int) (points []point) {
	for i := from; i < to; i++ {
		points = append(points, point{service, "http.requests", []string{
			"http.route", fmt.Sprint("/", i%3), "user.id", fmt.Sprint("u", i), "tier", fmt.Sprint(i % 2),
		}})
	}
	return points
}

// sums returns the sum of all points by tenant, metric and attributes; overflow series are
// marked with a star.
func sums(all []pmetric.Metrics) map[string]int64 {
	got := map[string]int64{}
	for _, md := range all {
		for _, rm := range md.ResourceMetrics().All() {
			service, _ := rm.Resource().Attributes().Get("service.name")
			for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
				for _, p := range m.Sum().DataPoints().All() {
					key := service.AsString() + " " + m.Name()
					attributes := p.Attributes().AsRaw()
					delete(attributes, "otel.metric.overflow")
					if len(attributes) < p.Attributes().Len() {
						key += "*"
					}
					got[key+fmt.Sprint(attributes)] += p.IntValue()
				}
			}
		}
	}
	return got
}

// starred returns the overflow series of sums.
func starred(all map[string]int64) map[string]int64 {
	got := map[string]int64{}
	for key, n := range all {
		if slices.Contains([]byte(key), '*') {
			got[key] = n
		}
	}
	return got
}

// run sends batches through a limiter of a configuration.
func run(t *testing.T, cfg *Config, batches ...pmetric.Metrics) map[string]int64 {
	t.Helper()
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, cfg, sink, newClock().time)
	for _, md := range batches {
		require.NoError(t, l.ConsumeMetrics(t.Context(), md))
	}
	return sums(sink.AllMetrics())
}

// total adds up everything.
func total(all map[string]int64) (n int64) {
	for _, v := range all {
		n += v
	}
	return n
}

// The attribute that explodes is replaced, and it alone: route and tier stay.
func TestFoldAttributeKeepsTheOthers(t *testing.T) {
	var batches []pmetric.Metrics
	for from := 0; from < 600; from += 20 {
		batches = append(batches, batchOf(requests("shop", from, from+20)...))
	}
	got := run(t, limits(60), batches...)
	assert.Equal(t, int64(600), total(got))
	over := starred(got)
	for route := range 3 {
		for tier := range 2 {
			key := fmt.Sprintf("shop http.requests*map[http.route:/%d tier:%d user.id:otel.cardinality_overflow]", route, tier)
			assert.InDelta(t, 90, over[key], 12, key)
			delete(over, key)
		}
	}
	assert.LessOrEqual(t, total(over), int64(60), "folded before it was known what to blame: %v", over)
}

// Nothing is blamed if nothing alone explains it: all attributes go.
func TestFoldAttributeGivesWayToFold(t *testing.T) {
	cfg := limits(10)
	cfg.Overflow.MaxSeriesPerMetric = 5
	var points []point
	for i := range 500 {
		points = append(points, point{"shop", "m", []string{"a", fmt.Sprint(i % 100), "b", fmt.Sprint(i * 7 % 101)}})
	}
	got := starred(run(t, cfg, batchOf(points...)))
	assert.LessOrEqual(t, len(got), 5)
	assert.Equal(t, int64(490), total(got))
	assert.Greater(t, got["shop m*map[]"], int64(400))
}

func TestFoldKeepsProtectedAttributes(t *testing.T) {
	cfg := limits(10)
	cfg.Action = rule.Fold
	cfg.ProtectedAttributes = []string{"tier", "absent"}
	got := starred(run(t, cfg, batchOf(requests("shop", 0, 110)...)))
	assert.Equal(t, map[string]int64{
		"shop http.requests*map[tier:0]": 50,
		"shop http.requests*map[tier:1]": 50,
	}, got)

	cfg.Overflow.MaxSeriesPerMetric = 1 // no room even for these
	got = starred(run(t, cfg, batchOf(requests("shop", 0, 110)...)))
	assert.Equal(t, map[string]int64{"shop http.requests*map[tier:0]": 50}, got)
}

func TestProtectedAttributesAreNeverBlamed(t *testing.T) {
	cfg := limits(10)
	cfg.ProtectedAttributes = []string{"user.id"}
	for key := range starred(run(t, cfg, batchOf(requests("shop", 0, 300)...), batchOf(requests("shop", 300, 600)...))) {
		assert.NotContains(t, key, "otel.cardinality_overflow")
	}
}

func TestDrop(t *testing.T) {
	cfg := limits(10)
	cfg.Action = rule.Drop
	got := run(t, cfg, batchOf(requests("shop", 0, 110)...))
	assert.Len(t, got, 10)
	assert.Equal(t, int64(10), total(got))
}

// T26: a batch that is only looked at may be shared with other pipelines.
func TestT26ObserveTouchesNothing(t *testing.T) {
	cfg := limits(10)
	cfg.Action = rule.Observe
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, cfg, sink, newClock().time)
	assert.False(t, l.Capabilities().MutatesData)
	for _, md := range []pmetric.Metrics{batchOf(requests("shop", 0, 110)...), everyType()} {
		md.MarkReadOnly()
		require.NoError(t, l.ConsumeMetrics(t.Context(), md))
	}
	assert.Equal(t, 110+everyType().DataPointCount(), sink.DataPointCount())
	report := l.Cardinality(5, []int{10, 50, 1000})
	require.NotEmpty(t, report.Metrics)
	assert.Equal(t, "http.requests", report.Metrics[0].Metric)
	assert.InDelta(t, 110, report.Metrics[0].Demand, 8)
	assert.Equal(t, "user.id", report.Metrics[0].Attributes[0].Key)
	assert.InDelta(t, 100, report.WhatIf[0].Refused, 8)
	assert.InDelta(t, 60, report.WhatIf[1].Refused, 8)
	assert.Zero(t, report.WhatIf[2].Refused)
}

// everyType has one point of each type, and a stale one.
func everyType() pmetric.Metrics {
	md := pmetric.NewMetrics()
	metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for i, set := range []func(pmetric.Metric){
		func(m pmetric.Metric) { m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1) },
		func(m pmetric.Metric) { m.SetEmptySum().DataPoints().AppendEmpty().SetIntValue(1) },
		func(m pmetric.Metric) { m.SetEmptyHistogram().DataPoints().AppendEmpty() },
		func(m pmetric.Metric) { m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty() },
		func(m pmetric.Metric) { m.SetEmptySummary().DataPoints().AppendEmpty() },
		func(m pmetric.Metric) {
			m.SetEmptyGauge().DataPoints().AppendEmpty().SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		},
		func(pmetric.Metric) {},
	} {
		m := metrics.AppendEmpty()
		m.SetName(fmt.Sprint("type", i))
		set(m)
	}
	return md
}

// G13: a noisy tenant overflows, and nobody else notices.
func TestANoisyTenantOverflowsAlone(t *testing.T) {
	cfg := limitsOf(100, 300, 20)
	cfg.MaxSeriesPerTenant = 100
	got := run(t, cfg,
		batchOf(requests("noisy", 0, 200)...), batchOf(requests("quiet", 0, 50)...),
		batchOf(requests("noisy", 200, 400)...), batchOf(requests("quiet", 0, 90)...))
	quiet := int64(0)
	for key, n := range got {
		if key[:5] == "quiet" {
			quiet += n
			assert.NotContains(t, key, "*")
		}
	}
	assert.Equal(t, int64(140), quiet)
	assert.Equal(t, int64(300), total(starred(got)))
}

// What a tenant does not use may be lent to others, up to a part of the whole.
func TestUnusedShareIsLent(t *testing.T) {
	cfg := limitsOf(100, 100, 20)
	cfg.MaxSeriesPerMetric = 30
	cfg.MaxSeriesPerTenant = 30
	for until, want := range map[float64]int64{0: 30, 0.5: 50} {
		cfg.LendUntil = until
		var points []point
		for i := range 90 {
			points = append(points, point{"noisy", fmt.Sprint("m", i%10), []string{"i", fmt.Sprint(i)}})
		}
		got := run(t, cfg, batchOf(points...))
		assert.Equal(t, 90-want, total(starred(got)), until)
	}
}

func TestTenantsOfClientMetadata(t *testing.T) {
	cfg := limitsOf(5, 100, 20)
	cfg.MaxSeriesPerTenant = 5
	cfg.Tenant.ClientMetadata = []string{"x-scope-orgid"}
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, cfg, sink, newClock().time)
	for _, org := range []string{"a", "b"} {
		ctx := client.NewContext(t.Context(), client.Info{
			Metadata: client.NewMetadata(map[string][]string{"X-Scope-OrgID": {org}}),
		})
		require.NoError(t, l.ConsumeMetrics(ctx, batchOf(requests("shop", 0, 8)...)))
	}
	// Their series are the same, and known: the second tenant pays for none of them, but
	// for those that the first one had no room for.
	assert.Equal(t, 8, l.table.Usage().Series)
	assert.Equal(t, 2, l.table.Usage().Tenants)
	assert.Equal(t, int64(3), total(starred(sums(sink.AllMetrics()))))
}

func TestValuesOfAnAttributeAreBounded(t *testing.T) {
	cfg := limits(1000)
	cfg.MaxValuesPerAttribute = 10
	got := run(t, cfg, batchOf(requests("shop", 0, 110)...))
	over := starred(got)
	assert.Equal(t, int64(100), total(over))
	assert.Len(t, got, 10+6)
	for key := range over {
		assert.Contains(t, key, "user.id:otel.cardinality_overflow")
	}
}

// A value that is in use keeps its place, however long ago its series came.
func TestValuesInUseDoNotExpire(t *testing.T) {
	cfg, clock := limits(1000), newClock()
	cfg.MaxValuesPerAttribute = 1
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, cfg, sink, clock.time)
	for range 20 { // ten times the TTL
		require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1)))
		clock.advance(30 * time.Second)
	}
	require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 2)))
	overflow, passed := windows(sink.AllMetrics(), "c")
	assert.Len(t, overflow, 1, "a second value got in")
	assert.Equal(t, 20, passed)
}

func TestOverridesAndExemptions(t *testing.T) {
	cfg := limits(5)
	cfg.Overrides = []OverrideConfig{
		{Name: "wide", MaxSeriesPerMetric: new(50)},
		{Glob: "gone.*", Action: new(rule.Drop)},
		{Regexp: "free|up", Exempt: new(true)},
	}
	var points []point
	for _, name := range []string{"wide", "gone.a", "free", "plain", "otelcol_x", "target_info"} {
		for i := range 20 {
			points = append(points, point{"s", name, []string{"i", fmt.Sprint(i)}})
		}
	}
	got := run(t, cfg, batchOf(points...))
	count := map[string]int64{}
	for key, n := range got {
		var name string
		_, err := fmt.Sscanf(key, "s %s", &name)
		require.NoError(t, err)
		count[name[:min(len(name), 4)]] += n
	}
	assert.Equal(t, map[string]int64{"wide": 20, "gone": 5, "free": 20, "plai": 20, "otel": 20, "targ": 20}, count)
	assert.Equal(t, int64(15), total(starred(got)))
}

// Entities are in with all of their metrics, or out with all of them.
func TestEntitiesAreDecidedOnOnce(t *testing.T) {
	cfg := limitsOf(10, 10, 100)
	cfg.MaxSeriesPerTenant, cfg.Count = 10, "entities"
	var points []point
	for _, metric := range []string{"a", "b", "c"} {
		for i := range 25 {
			points = append(points, point{"s", metric, []string{"host", fmt.Sprint(i)}})
		}
	}
	got := run(t, cfg, batchOf(points...))
	assert.Equal(t, int64(45), total(starred(got)))
	for i := range 25 {
		for _, metric := range []string{"a", "b", "c"} {
			_, ok := got[fmt.Sprintf("s %s%v", metric, map[string]any{"host": fmt.Sprint(i)})]
			assert.Equal(t, i < 10, ok, "%s of host %d", metric, i)
		}
	}
}

// Heavy series get the places of light ones after a while, and nothing is counted twice or
// lost for it.
func TestKeepHeaviest(t *testing.T) {
	cfg, clock := limits(20), newClock()
	cfg.Keep, cfg.Action, cfg.SeriesTTL = "heaviest", rule.Fold, time.Hour
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, cfg, sink, clock.time)
	sent := int64(0)
	for round := range 120 {
		clock.advance(10 * time.Second)
		md := counter("c")
		md.ResourceMetrics().At(0).Resource().Attributes().PutStr("service.name", "s")
		for i := range 30 {
			p := numbers(md).AppendEmpty()
			p.Attributes().PutInt("query.id", int64(i))
			p.SetIntValue(1)
			if i >= 25 {
				p.SetIntValue(100) // the heavy ones came last
			}
			sent += p.IntValue()
		}
		sink.Reset()
		require.NoError(t, l.ConsumeMetrics(t.Context(), md))
		got := sums(sink.AllMetrics())
		sent -= total(got)
		require.Zero(t, sent, "round %d", round)
		for i := 25; i < 30; i++ {
			_, ok := got[fmt.Sprintf("s c%v", map[string]any{"query.id": int64(i)})]
			switch {
			case round < 12:
				assert.False(t, ok, "series %d in round %d", i, round)
			case round > 60:
				assert.True(t, ok, "series %d in round %d", i, round)
			}
		}
	}
	assert.Equal(t, 20, l.table.Usage().Series)
}

// T32: what happens when memory is used up is a choice.
func TestT32MemoryCap(t *testing.T) {
	for policy, want := range map[string][2]int64{"fold": {10, 30}, "drop": {10, 0}, "pass": {40, 0}} {
		cfg := limitsOf(10, 10, 100)
		cfg.MaxSeriesPerTenant, cfg.OnMemoryCap = 10, policy
		var points []point
		for i := range 40 {
			points = append(points, point{"s", fmt.Sprint("m", i%5), []string{"i", fmt.Sprint(i)}})
		}
		got := run(t, cfg, batchOf(points...))
		over := total(starred(got))
		assert.Equal(t, want, [2]int64{total(got) - over, over}, policy)
	}
}

// So is what happens to cumulative series when there is no memory to fold more of them.
func TestT32SourcesCap(t *testing.T) {
	for policy, want := range map[string]int{"fold": 1, "drop": 1, "pass": 3} {
		cfg, clock := limits(1), newClock()
		cfg.MaxFoldedSources, cfg.OnMemoryCap = 2, policy
		sink := new(consumertest.MetricsSink)
		l := newTestLimiter(t, cfg, sink, clock.time)
		clock.advance(10 * time.Second)
		for query := range int64(5) {
			require.NoError(t, l.ConsumeMetrics(t.Context(), cumulativeOf(query, 1, clock.now)))
		}
		_, passed := windows(sink.AllMetrics(), "c")
		assert.Equal(t, want, passed, policy)
		last, _ := cumulativeOverflow(t, sink.AllMetrics())
		assert.Equal(t, int64(2), last, policy)
	}
}

// A cumulative series that comes from another replica began too long ago to count whole.
func TestMaxStartAge(t *testing.T) {
	for age, want := range map[time.Duration]int64{0: 7, 10 * time.Second: 7, 9 * time.Second: 0} {
		cfg, clock := limits(1), newClock()
		cfg.MaxStartAge = age
		sink := new(consumertest.MetricsSink)
		l := newTestLimiter(t, cfg, sink, clock.time)
		clock.advance(11 * time.Second) // cumulativeOf began 10s ago
		require.NoError(t, l.ConsumeMetrics(t.Context(), cumulativeOf(1, 1, clock.now)))
		require.NoError(t, l.ConsumeMetrics(t.Context(), cumulativeOf(2, 7, clock.now)))
		last, _ := cumulativeOverflow(t, sink.AllMetrics())
		assert.Equal(t, want, last, age)
	}
}

// Backends that ignore points without an attribute get one, of the type they want.
func TestOverflowSeriesLookAsConfigured(t *testing.T) {
	cfg := limits(1)
	cfg.Action = rule.Fold
	cfg.Overflow.Attributes = map[string]any{"http.route": "other", "tier": 3}
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, cfg, sink, newClock().time)
	require.NoError(t, l.ConsumeMetrics(t.Context(), batchOf(requests("shop", 0, 2)...)))
	rms := sink.AllMetrics()[0].ResourceMetrics()
	got := rms.At(rms.Len() - 1).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).Attributes().AsRaw()
	assert.Equal(t, map[string]any{"http.route": "other", "tier": int64(3), "otel.metric.overflow": true}, got)
}

// T29: a series that says that it ends gives its place back at once.
func TestT29StalePointsFreeTheirPlace(t *testing.T) {
	stale := func(query int) pmetric.Metrics {
		md := counter("c", query)
		md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).
			SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		return md
	}
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, limits(1), sink, newClock().time)
	for _, md := range []pmetric.Metrics{counter("c", 1), stale(1), counter("c", 2), stale(3), counter("c", 3)} {
		require.NoError(t, l.ConsumeMetrics(t.Context(), md))
	}
	overflow, passed := windows(sink.AllMetrics(), "c")
	assert.Equal(t, 3, passed, "1, its end, and 2 in its place")
	assert.Len(t, overflow, 1)
}

// A batch whose points are all folded into a later interval has nothing to hand on now.
func TestFlushInterval(t *testing.T) {
	cfg, clock := limits(1), newClock()
	cfg.Overflow.FlushInterval = 10 * time.Second
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, cfg, sink, clock.time)
	for range 25 {
		require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1, 2, 3)))
		clock.advance(time.Second)
	}
	overflow, passed := windows(sink.AllMetrics(), "c")
	assert.Equal(t, 25, passed)
	assert.Equal(t, []window{{0, 10 * time.Second, 22}, {10 * time.Second, 20 * time.Second, 20}}, overflow)
	require.NoError(t, l.Shutdown(context.Background()))
	overflow, _ = windows(sink.AllMetrics(), "c")
	require.Len(t, overflow, 3)
	assert.Equal(t, int64(8), overflow[2].value)
}

// When the pipelines are about to be stopped, what is held goes out at once, and what comes
// later is not held at all.
func TestDrain(t *testing.T) {
	cfg, clock := limits(1), newClock()
	cfg.Overflow.FlushInterval = time.Hour
	sink := &refusing{}
	l := newTestLimiter(t, cfg, sink, clock.time)
	require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1, 2, 3)))
	clock.advance(time.Second)

	sink.refuses = true
	assert.Equal(t, 2, l.Drain(t.Context()), "the next component refuses")
	sink.refuses = false
	assert.Zero(t, l.Drain(t.Context()))
	overflow, _ := windows(sink.AllMetrics(), "c")
	require.Len(t, overflow, 1)
	assert.Equal(t, int64(2), overflow[0].value)

	clock.advance(time.Second)
	require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 4)))
	overflow, _ = windows(sink.AllMetrics(), "c")
	assert.Len(t, overflow, 2, "with the batch itself")
	assert.Zero(t, l.Drain(t.Context()))
}

// refusing is a sink that can refuse.
type refusing struct {
	consumertest.MetricsSink
	refuses bool
}

func (r *refusing) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	if r.refuses {
		return errors.New("no room")
	}
	return r.MetricsSink.ConsumeMetrics(ctx, md)
}
