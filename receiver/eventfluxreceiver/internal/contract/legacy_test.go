// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// counters returns one monotonic sum with one point for each name.
func counters(names ...string) (pmetric.Metrics, pmetric.ResourceMetrics) {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	for _, name := range names {
		m := metrics.AppendEmpty()
		m.SetName(name)
		m.SetUnit("1")
		m.SetEmptySum().SetIsMonotonic(true)
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		attrs := m.Sum().DataPoints().AppendEmpty().Attributes()
		attrs.PutStr("query_id", "q")
		attrs.PutStr("stream", "s")
	}
	return md, rm
}

func TestLegacyNamesBecomeThoseOfTheConventions(t *testing.T) {
	for old, now := range legacyNames {
		for _, name := range []string{old, legacyPrefix + old} {
			_, rm := counters(name, "stream.events.sent")
			m := rm.ScopeMetrics().At(0).Metrics().At(0)
			if now == "query.active.count" {
				m.SetEmptyGauge().DataPoints().AppendEmpty()
			}
			if did := RepairMetrics(rm); did != (Repaired{Renamed: 1}) || m.Name() != now {
				t.Errorf("%s: %+v, now %q, want %q", name, did, m.Name(), now)
			}
			if got := findings(m); len(got) > 0 {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
}

func TestOldAndNewNameAreCountedOnce(t *testing.T) {
	_, rm := counters("stream_events_total", "stream.events.received", "query_errors_total", "errors_total")
	if did := RepairMetrics(rm); did != (Repaired{Renamed: 1, Doubled: 2}) {
		t.Errorf("did %+v", did)
	}
	metrics := rm.ScopeMetrics().At(0).Metrics()
	if metrics.Len() != 2 || metrics.At(0).Name() != "stream.events.received" || metrics.At(1).Name() != metricErrors {
		t.Errorf("%d metrics are left", metrics.Len())
	}
}

// A series that came under one of the names alone is kept.
func TestOnlySeriesOfBothNamesAreCountedOnce(t *testing.T) {
	md, rm := counters("stream.events.received", "stream_events_total")
	metrics := rm.ScopeMetrics().At(0).Metrics()
	for i, label := range []string{"stream.name", "stream"} {
		attrs := metrics.At(i).Sum().DataPoints().At(0).Attributes()
		attrs.Clear()
		attrs.PutStr(label, "a")
	}
	old := metrics.At(1).Sum().DataPoints()
	old.AppendEmpty().Attributes().PutStr("stream", "b")
	if did := RepairMetrics(rm); did != (Repaired{Renamed: 1, Doubled: 1}) {
		t.Errorf("did %+v", did)
	}
	if md.DataPointCount() != 2 || metrics.Len() != 2 {
		t.Fatalf("%d points of %d metrics are left, want 2 of 2", md.DataPointCount(), metrics.Len())
	}
	if v, _ := metrics.At(1).Sum().DataPoints().At(0).Attributes().Get("stream.name"); v.Str() != "b" {
		t.Errorf("series %q is left, want b", v.Str())
	}
}

func TestALegacyMetricInTwoPartsKeepsBoth(t *testing.T) {
	_, rm := counters("query_errors_total", "query_errors_total")
	if did := RepairMetrics(rm); did != (Repaired{Renamed: 2}) {
		t.Errorf("did %+v", did)
	}
}

func TestOtherSoftwareAndOtherTypesAreLeft(t *testing.T) {
	_, other := counters("errors_total", "active_queries", "connections")
	_, rate := counters("stream_throughput")
	rate.ScopeMetrics().At(0).Metrics().At(0).SetEmptyGauge().DataPoints().AppendEmpty()
	for name, rm := range map[string]pmetric.ResourceMetrics{"other": other, "rate": rate} {
		want := rm.ScopeMetrics().At(0).Metrics().At(0).Name()
		if did := RepairMetrics(rm); did != (Repaired{}) {
			t.Errorf("%s: did %+v", name, did)
		}
		if got := rm.ScopeMetrics().At(0).Metrics().At(0).Name(); got != want {
			t.Errorf("%s: %q became %q", name, want, got)
		}
	}
}

func TestEveryPointThatCameIsLeftOrCounted(t *testing.T) {
	pool := []string{"system.cpu.time", "stream.events.received", "query.execution.errors"}
	for old := range legacyNames {
		pool = append(pool, old, legacyPrefix+old)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		names := make([]string, random.IntN(12))
		for i := range names {
			names[i] = pool[random.IntN(len(pool))]
		}
		md, rm := counters(names...)
		before := md.DataPointCount()
		did := RepairMetrics(rm)
		if after := md.DataPointCount(); before != after+did.Doubled {
			t.Fatalf("%q: %d came, %d are left and %d were doubled", names, before, after, did.Doubled)
		}
	}
}
