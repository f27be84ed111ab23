// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
)

// appenders append a point to a metric of each type.
var appenders = map[pmetric.MetricType]func(pmetric.Metric, pcommon.Timestamp, pmetric.DataPointFlags) pcommon.Map{
	pmetric.MetricTypeGauge: func(m pmetric.Metric, at pcommon.Timestamp, f pmetric.DataPointFlags) pcommon.Map {
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptyGauge()
		}
		p := m.Gauge().DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.SetFlags(f)
		return p.Attributes()
	},
	pmetric.MetricTypeSum: func(m pmetric.Metric, at pcommon.Timestamp, f pmetric.DataPointFlags) pcommon.Map {
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptySum().SetIsMonotonic(true)
		}
		p := m.Sum().DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.SetFlags(f)
		return p.Attributes()
	},
	pmetric.MetricTypeHistogram: func(m pmetric.Metric, at pcommon.Timestamp, f pmetric.DataPointFlags) pcommon.Map {
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptyHistogram()
		}
		p := m.Histogram().DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.SetFlags(f)
		return p.Attributes()
	},
	pmetric.MetricTypeExponentialHistogram: func(m pmetric.Metric, at pcommon.Timestamp, f pmetric.DataPointFlags) pcommon.Map {
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptyExponentialHistogram()
		}
		p := m.ExponentialHistogram().DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.SetFlags(f)
		return p.Attributes()
	},
	pmetric.MetricTypeSummary: func(m pmetric.Metric, at pcommon.Timestamp, f pmetric.DataPointFlags) pcommon.Map {
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptySummary()
		}
		p := m.Summary().DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.SetFlags(f)
		return p.Attributes()
	},
}

func TestEveryTypeOfMetricIsExposed(t *testing.T) {
	const start = pcommon.Timestamp(1_700_000_000_000_000_000)
	ends := pmetric.DefaultDataPointFlags.WithNoRecordedValue(true)
	for kind, add := range appenders {
		t.Run(kind.String(), func(t *testing.T) {
			rm := pmetric.NewResourceMetrics()
			metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
			m := metrics.AppendEmpty()
			m.SetName("eventflux.custom.x")
			m.SetUnit("{x}")
			m.SetDescription("An x.")
			for i, flags := range []pmetric.DataPointFlags{ends, pmetric.DefaultDataPointFlags, ends} {
				attrs := add(m, start, flags)
				attrs.PutInt("i", int64(i))
				attrs.PutStr("job", "j")
			}
			var did Report
			p := &Policy{Expose: true}
			p.CheckMetrics(rm, true, &did)
			if did.Repaired[Split] != 2 || did.Repaired[Relabeled] != 3 || metrics.Len() != 3 || pointsOf(rm) != 3 {
				t.Fatalf("did %v, %d metrics with %d points are left", repairs(did), metrics.Len(), pointsOf(rm))
			}
			for i, want := range []int64{1, 0, 2} {
				m := metrics.At(i)
				attrs, found := FirstAttributes(m)
				if v, _ := attrs.Get("i"); !found || v.Int() != want || datapoints.Count(m) != 1 || (staleCount(m) == 1) != (want != 1) {
					t.Errorf("metric %d has %d points, of which %d end a series, the first is %v", i, datapoints.Count(m), staleCount(m), attrs.AsRaw())
				}
				if m.Name() != "eventflux.custom.x" || m.Unit() != "{x}" || m.Description() != "An x." || m.Type() != kind {
					t.Errorf("metric %d is %s in %s, a %s", i, m.Name(), m.Unit(), m.Type())
				}
			}

			if got := Newest(rm); !got.Equal(start.AsTime()) {
				t.Errorf("newest is %v", got)
			}
			Shift(rm, time.Second, &did)
			if got := Newest(rm); !got.Equal(start.AsTime().Add(time.Second)) || did.Repaired[Shifted] != 3 {
				t.Errorf("newest is %v after %v", got, repairs(did))
			}

			removePoints(metrics.At(0), func(pcommon.Map) bool { return true })
			if _, found := FirstAttributes(metrics.At(0)); found || datapoints.Count(metrics.At(0)) != 0 {
				t.Error("a point is left")
			}
		})
	}
}

func TestEveryTypeThatIsWrongIsSetAside(t *testing.T) {
	for kind, want := range map[pmetric.MetricType]string{
		pmetric.MetricTypeSum: "eventflux.uptime.counter", pmetric.MetricTypeHistogram: "eventflux.uptime.histogram",
		pmetric.MetricTypeExponentialHistogram: "eventflux.uptime.histogram", pmetric.MetricTypeSummary: "eventflux.uptime.summary",
		pmetric.MetricTypeGauge: "eventflux.uptime",
	} {
		rm := pmetric.NewResourceMetrics()
		m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName("eventflux.uptime")
		m.SetUnit("s")
		appenders[kind](m, 1, pmetric.DefaultDataPointFlags)
		var did Report
		everyRule(Fix).CheckMetrics(rm, true, &did)
		if m.Name() != want || (did.Repaired[SetAside] == 1) != (kind != pmetric.MetricTypeGauge) {
			t.Errorf("%s: %s, did %v", kind, m.Name(), repairs(did))
		}
		if at, has := temporality(m); has && (at != pmetric.AggregationTemporalityCumulative || did.Repaired[Cumulative] != 1) {
			t.Errorf("%s: %s, did %v", kind, at, repairs(did))
		}
	}
}

func TestNothingIsTheNewestOfNothing(t *testing.T) {
	rm := pmetric.NewResourceMetrics()
	rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetName("x")
	if got := Newest(rm); !got.IsZero() {
		t.Errorf("newest is %v", got)
	}
}

func TestRulesAndRepairsHaveNamesOfTheirOwn(t *testing.T) {
	var names []string
	for _, r := range Rules() {
		names = append(names, r.String())
	}
	for _, r := range Repairs() {
		names = append(names, r.String())
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != RuleCount+RepairCount || slices.Contains(names, "none") {
		t.Errorf("names are %s", strings.Join(names, " "))
	}
	if noRule.String() != "none" || noRepair.String() != "none" {
		t.Error("none is not none")
	}
}

func TestASeriesIsTakenOutOfTheSecondScopeAlone(t *testing.T) {
	for _, name := range []string{"eventflux.custom.x", "query.events.processed"} {
		rm := pmetric.NewResourceMetrics()
		for _, series := range []string{"aa", "ab", "b"} {
			m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			m.SetName(name)
			for _, of := range series {
				attrs := appenders[pmetric.MetricTypeSum](m, 1, pmetric.DefaultDataPointFlags)
				attrs.PutStr("query.id", string(of))
				attrs.PutStr("stream.name", "s")
			}
		}
		var did Report
		p := &Policy{Expose: true}
		p.CheckMetrics(rm, true, &did)
		if did.Repaired[Doubled] != 2 || pointsOf(rm) != 3 || rm.ScopeMetrics().Len() != 2 {
			t.Errorf("%s: did %v, %d points in %d scopes are left", name, repairs(did), pointsOf(rm), rm.ScopeMetrics().Len())
		}
	}
}
