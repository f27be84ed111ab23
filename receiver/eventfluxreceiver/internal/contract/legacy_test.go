// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"maps"
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
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

// renamed does what the policy of mode fix does about names.
func renamed(rm pmetric.ResourceMetrics) map[Repair]int {
	var did Report
	everyRule(Fix).Rename(rm, false, &did)
	return repairs(did)
}

// repairs are those that were made.
func repairs(did Report) map[Repair]int {
	made := map[Repair]int{}
	for i, n := range did.Repaired {
		if n > 0 {
			made[Repair(i)] = n
		}
	}
	return made
}

func TestLegacyNamesBecomeThoseOfTheConventions(t *testing.T) {
	for old, now := range legacyNames {
		for _, name := range []string{old, legacyPrefix + old} {
			_, rm := counters(name, "stream.events.sent")
			m := rm.ScopeMetrics().At(0).Metrics().At(0)
			if now == "query.active.count" {
				m.SetEmptyGauge().DataPoints().AppendEmpty()
			}
			if did := renamed(rm); !maps.Equal(did, map[Repair]int{Renamed: 1}) || m.Name() != now {
				t.Errorf("%s: %v, now %q, want %q", name, did, m.Name(), now)
			}
			var did Report
			everyRule(Fix).CheckMetrics(rm, true, &did)
			if got := findings(m); len(got) > 0 {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
}

// Whatever Prometheus would call as it calls a metric of the conventions has to
// be that metric.
func TestNamesThatPrometheusSpellsAlikeBecomeOne(t *testing.T) {
	for _, tc := range []struct{ name, unit, want, wantUnit string }{
		{"query_events_processed_total", "", "query.events.processed", "{event}"},
		{"query_events_processed", "1", "query.events.processed", "1"},
		{"eventflux_uptime_seconds", "", "eventflux.uptime", "s"},
		{"eventflux_eventflux_uptime_seconds", "1", "eventflux.uptime", "s"},
		{"eventflux.uptime.seconds", "s", "eventflux.uptime", "s"},
		{"eventflux_query_latency_seconds", "", "query.latency", "s"},
		{"query_latency_ms", "", "query.latency", "ms"},
		{"query.latency_milliseconds", "ms", "query.latency", "ms"},
		{"connections_total", "", "connections", "{connection}"},
		{"eventflux.custom.uptime", "", "eventflux.custom.uptime", ""},
		{"http_server_duration", "s", "http_server_duration", "s"},
		{"query.latency", "ms", "query.latency", "ms"},
	} {
		_, rm := counters(tc.name, "stream.events.sent")
		m := rm.ScopeMetrics().At(0).Metrics().At(0)
		m.SetUnit(tc.unit)
		if tc.want == "query.latency" {
			m.SetEmptyHistogram().DataPoints().AppendEmpty()
		}
		if tc.want == "eventflux.uptime" {
			m.SetEmptyGauge().DataPoints().AppendEmpty()
		}
		renamed(rm)
		if m.Name() != tc.want || m.Unit() != tc.wantUnit {
			t.Errorf("%s in %q is %s in %q, want %s in %q", tc.name, tc.unit, m.Name(), m.Unit(), tc.want, tc.wantUnit)
		}
	}
}

func TestNoOtherNameIsThatOfTwoMetrics(t *testing.T) {
	by := map[string]string{}
	for m := range semconv.Metrics() {
		for _, name := range []string{string(spell(nil, m.Name())), m.PrometheusName()} {
			if other, ok := by[name]; ok && other != m.Name() {
				t.Errorf("%s is another name of %s and %s", name, other, m.Name())
			}
			by[name] = m.Name()
		}
		for _, kind := range []string{".gauge", ".updown", ".counter", ".histogram", ".summary"} {
			if a, ok := lookupAlias(m.Name() + kind); ok {
				t.Errorf("%s set aside is taken for %s", m.Name()+kind, a.name)
			}
		}
		if !beginsAlias(m.Name()) {
			t.Errorf("%s begins as no alias does", m.Name())
		}
	}
	for old := range legacyNames {
		if _, ok := lookupAlias(old); !ok {
			t.Errorf("%s is not found", old)
		}
	}
}

func TestOldAndNewNameAreCountedOnce(t *testing.T) {
	_, rm := counters("stream_events_total", "stream.events.received", "query_errors_total", "errors_total")
	if did := renamed(rm); !maps.Equal(did, map[Repair]int{Renamed: 1, Doubled: 2}) {
		t.Errorf("did %v", did)
	}
	metrics := rm.ScopeMetrics().At(0).Metrics()
	if metrics.Len() != 2 || metrics.At(0).Name() != "stream.events.received" || metrics.At(1).Name() != "query.execution.errors" {
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
	if did := renamed(rm); !maps.Equal(did, map[Repair]int{Renamed: 1, Doubled: 1}) {
		t.Errorf("did %v", did)
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
	if did := renamed(rm); !maps.Equal(did, map[Repair]int{Renamed: 2}) {
		t.Errorf("did %v", did)
	}
}

func TestOtherSoftwareAndOtherTypesAreLeft(t *testing.T) {
	_, other := counters("errors_total", "active_queries", "connections", "connections_total", "process_cpu_time")
	_, rate := counters("stream_throughput")
	rate.ScopeMetrics().At(0).Metrics().At(0).SetEmptyGauge().DataPoints().AppendEmpty()
	for name, rm := range map[string]pmetric.ResourceMetrics{"other": other, "rate": rate} {
		want := rm.ScopeMetrics().At(0).Metrics().At(0).Name()
		if did := renamed(rm); len(did) > 0 {
			t.Errorf("%s: did %v", name, did)
		}
		if got := rm.ScopeMetrics().At(0).Metrics().At(0).Name(); got != want {
			t.Errorf("%s: %q became %q", name, want, got)
		}
	}
	var did Report
	everyRule(Fix).Rename(other, true, &did) // an engine is known to send it
	// Of active_queries the type is wrong, and connections are there already.
	if got := repairs(did); !maps.Equal(got, map[Repair]int{Renamed: 2, Doubled: 1}) {
		t.Errorf("did %v", got)
	}
}

func TestOlderNamesAreBreachesInEveryMode(t *testing.T) {
	for mode, p := range policies() {
		_, rm := counters("stream_events_total")
		var did Report
		p.Rename(rm, false, &did)
		p.CheckMetrics(rm, false, &did)
		want := `"stream_events_total" is another name of "stream.events.received": rename it`
		if did.Found[UnknownName] != 1 || did.First[UnknownName].String() != want {
			t.Errorf("%s: %d, %s", mode, did.Found[UnknownName], did.First[UnknownName])
		}
		if (did.Rejected[UnknownName] == 1) != (mode == "reject") {
			t.Errorf("%s: rejected %v", mode, did.Rejected)
		}
	}
}

func TestEveryPointThatCameIsLeftOrCounted(t *testing.T) {
	pool := []string{"system.cpu.time", "stream.events.received", "query.execution.errors", "query_execution_errors"}
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
		did := renamed(rm)
		if after := md.DataPointCount(); before != after+did[Doubled] {
			t.Fatalf("%q: %d came, %d are left, did %v", names, before, after, did)
		}
	}
}
