// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
)

var (
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	nodeA = engines.Identity{Name: "engine", Instance: "a"}
	nodeB = engines.Identity{Name: "engine", Instance: "b"}
)

func resource(instance string) pcommon.Map {
	m := pcommon.NewMap()
	m.PutStr("service.name", "engine")
	m.PutStr("service.instance.id", instance)
	return m
}

// export is a request with the series [from, to) of one metric.
func export(from, to int) pmetric.ResourceMetrics {
	rm := pmetric.NewMetrics().ResourceMetrics().AppendEmpty()
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("query.events.processed")
	m.SetEmptySum().SetIsMonotonic(true)
	m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for i := range to - from {
		p := m.Sum().DataPoints().AppendEmpty()
		p.Attributes().PutStr("query.id", fmt.Sprintf("q%d", from+i))
		p.Attributes().PutStr("stream.name", "S")
		p.SetIntValue(1)
	}
	return rm
}

func TestEveryTypeOfSeriesIsEndedAsItWas(t *testing.T) {
	rm := pmetric.NewMetrics().ResourceMetrics().AppendEmpty()
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("engine")
	sm.Scope().SetVersion("1")
	sm.Scope().Attributes().PutStr("k", "v")
	sm.SetSchemaUrl("url")
	add := func(name string) pmetric.Metric {
		m := sm.Metrics().AppendEmpty()
		m.SetName(name)
		m.SetUnit("s")
		m.SetDescription("d")
		return m
	}
	fill := func(attrs pcommon.Map) {
		attrs.PutStr("z", "text")
		attrs.PutInt("a", -7)
		attrs.PutDouble("d", math.Pi)
		attrs.PutBool("b", true)
		attrs.PutEmpty("e")
		attrs.PutEmptySlice("l").AppendEmpty().SetInt(1)
	}
	fill(add("gauge").SetEmptyGauge().DataPoints().AppendEmpty().Attributes())
	sum := add("sum").SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	fill(sum.DataPoints().AppendEmpty().Attributes())
	histogram := add("histogram").SetEmptyHistogram()
	histogram.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	fill(histogram.DataPoints().AppendEmpty().Attributes())
	exponential := add("exponential").SetEmptyExponentialHistogram()
	exponential.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	fill(exponential.DataPoints().AppendEmpty().Attributes())
	fill(add("summary").SetEmptySummary().DataPoints().AppendEmpty().Attributes())
	ended := add("ended").SetEmptyGauge().DataPoints().AppendEmpty()
	ended.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	add("empty")
	ours := rm.ScopeMetrics().AppendEmpty()
	ours.Scope().SetName("ours")
	ours.Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()

	s := New(Limits{Total: 100, PerEngine: 100})
	s.Learn(nodeA, resource("a"), rm, "ours", start)
	got := s.End(nodeA, start)
	if got.Series != 5 || s.Len() != 0 {
		t.Fatalf("%d series ended and %d left, want 5 and 0", got.Series, s.Len())
	}
	out := got.Metrics.ResourceMetrics().At(0)
	if !out.Resource().Attributes().Equal(resource("a")) || out.ScopeMetrics().Len() != 1 {
		t.Fatalf("resource %v, %d scopes", out.Resource().Attributes().AsRaw(), out.ScopeMetrics().Len())
	}
	scope := out.ScopeMetrics().At(0)
	if scope.SchemaUrl() != "url" || !scope.Scope().Attributes().Equal(sm.Scope().Attributes()) ||
		scope.Scope().Name() != "engine" || scope.Scope().Version() != "1" {
		t.Errorf("scope %v", scope.Scope())
	}
	want := pcommon.NewMap()
	fill(want)
	want.PutStr("e", "")
	want.PutStr("l", "[1]")
	kinds := map[string]pmetric.MetricType{}
	for _, m := range scope.Metrics().All() {
		kinds[m.Name()] = m.Type()
		attrs, flags := onlyPoint(t, m)
		if !attrs.Equal(want) || !flags.NoRecordedValue() || m.Unit() != "s" || m.Description() != "d" {
			t.Errorf("%s: %v", m.Name(), attrs.AsRaw())
		}
		if m.Name() == "sum" && (!m.Sum().IsMonotonic() || m.Sum().AggregationTemporality() != pmetric.AggregationTemporalityCumulative) {
			t.Error("the sum is another one")
		}
	}
	if !maps.Equal(kinds, map[string]pmetric.MetricType{
		"gauge": pmetric.MetricTypeGauge, "sum": pmetric.MetricTypeSum, "histogram": pmetric.MetricTypeHistogram,
		"exponential": pmetric.MetricTypeExponentialHistogram, "summary": pmetric.MetricTypeSummary,
	}) {
		t.Errorf("ended %v", kinds)
	}
}

func onlyPoint(t *testing.T, m pmetric.Metric) (pcommon.Map, pmetric.DataPointFlags) {
	t.Helper()
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints().At(0).Attributes(), m.Gauge().DataPoints().At(0).Flags()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints().At(0).Attributes(), m.Sum().DataPoints().At(0).Flags()
	case pmetric.MetricTypeHistogram:
		return m.Histogram().DataPoints().At(0).Attributes(), m.Histogram().DataPoints().At(0).Flags()
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().DataPoints().At(0).Attributes(), m.ExponentialHistogram().DataPoints().At(0).Flags()
	default:
		return m.Summary().DataPoints().At(0).Attributes(), m.Summary().DataPoints().At(0).Flags()
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	s := New(Limits{Total: 25, PerEngine: 20})
	if n := s.Learn(nodeA, resource("a"), export(0, 30), "ours", start); n != 10 || s.Len() != 20 {
		t.Errorf("refused %d of 30 and kept %d, want 10 and 20", n, s.Len())
	}
	if n := s.Learn(nodeA, resource("a"), export(0, 20), "ours", start); n != 0 {
		t.Errorf("refused %d that were known", n)
	}
	if n := s.Learn(nodeB, resource("b"), export(0, 30), "ours", start); n != 25 || s.Len() != 25 {
		t.Errorf("refused %d of 30 and kept %d, want 25 and 25", n, s.Len())
	}
	later := start.Add(gone + time.Second)
	if n := s.Learn(nodeA, resource("a"), export(100, 110), "ours", later); n != 0 || s.Len() != 15 {
		t.Errorf("refused %d and kept %d: those of long ago make room", n, s.Len())
	}
	churn := New(Limits{Total: 2, PerEngine: 2})
	for i := range 100 {
		rm := export(0, 1)
		rm.ScopeMetrics().At(0).Metrics().At(0).SetName(fmt.Sprint(i))
		churn.Learn(nodeA, resource("a"), rm, "ours", start.Add(time.Duration(i)*time.Hour))
	}
	if n := len(churn.engines[nodeA].metrics); n != 1 && n != 2 {
		t.Errorf("%d metrics are remembered for %d series", n, churn.Len())
	}
	if n := New(Limits{}).Learn(nodeA, resource("a"), export(0, 5), "ours", start); n != 0 {
		t.Errorf("refused %d where nothing is to be remembered", n)
	}
}

func TestAFailedEndIsTriedAgain(t *testing.T) {
	s := New(Limits{Total: 100, PerEngine: 100})
	s.Learn(nodeA, resource("a"), export(0, 10), "ours", start)
	ended := s.End(nodeA, start)
	s.Learn(nodeA, resource("a"), export(5, 12), "ours", start) // in between
	s.Undo(ended)
	if s.Len() != 12 || s.End(nodeA, start).Series != 12 || s.Len() != 0 || s.End(nodeA, start).Series != 0 {
		t.Errorf("%d series left", s.Len())
	}
}

func TestForgottenEnginesAreFound(t *testing.T) {
	s := New(Limits{Total: 100, PerEngine: 100})
	s.Learn(nodeA, resource("a"), export(0, 1), "ours", start)
	s.Learn(nodeB, resource("b"), export(0, 1), "ours", start)
	if got := s.Others(map[engines.Identity]struct{}{nodeA: {}}); len(got) != 1 || got[0] != nodeB {
		t.Errorf("others are %v, want b", got)
	}
}

func TestLearningIsConcurrentSafe(t *testing.T) {
	s := New(Limits{Total: 1000, PerEngine: 100})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				id := engines.Identity{Instance: fmt.Sprint(rand.IntN(8))}
				s.Learn(id, resource("x"), export(i%50, i%50+10), "ours", start)
				if rand.IntN(3) == 0 {
					if ended := s.End(id, start); rand.IntN(2) == 0 && ended.Series > 0 {
						s.Undo(ended)
					}
				}
			}
		})
	}
	wg.Wait()
	for _, id := range s.Others(nil) {
		s.End(id, start)
	}
	if s.Len() != 0 {
		t.Errorf("%d series counted and none left", s.Len())
	}
}

func TestTheMemoryOfAFullStoreIsSmall(t *testing.T) {
	s := New(Limits{Total: 200_000, PerEngine: 2000})
	before := heap()
	for e := range 100 {
		id := engines.Identity{Name: "engine", Instance: fmt.Sprint(e)}
		s.Learn(id, resource(id.Instance), export(e*2000, e*2000+2000), "ours", start)
	}
	used := heap() - before
	t.Logf("%d series of as many queries: %.1f MB, %d bytes each", s.Len(), float64(used)/1e6, used/s.Len())
	if s.Len() != 200_000 || used > 40_000_000 {
		t.Errorf("%d series in %d bytes", s.Len(), used)
	}
	runtime.KeepAlive(s)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkLearn(b *testing.B) {
	s := New(Limits{Total: 200_000, PerEngine: 2000})
	rm, res := export(0, 1000), resource("a")
	s.Learn(nodeA, res, rm, "ours", start)
	b.ReportAllocs()
	for b.Loop() {
		s.Learn(nodeA, res, rm, "ours", start)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/point")
}

// A heartbeat may end an engine between the time when its first request puts it into
// the store and the time when that writes to it.
func TestAnEngineThatIsTakenOutBeforeItsFirstSeriesEndsNothing(t *testing.T) {
	s := New(Limits{Total: 1, PerEngine: 1})
	s.lock(engines.Identity{Name: "engine"}).mu.Unlock()
	if ended := s.End(engines.Identity{Name: "engine"}, time.Unix(0, 0)); ended.Series != 0 {
		t.Errorf("%d series ended, want none", ended.Series)
	}
}
