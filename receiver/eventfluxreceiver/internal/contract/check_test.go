// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"iter"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

// right returns a metric with points that meet the conventions.
func right(want semconv.Metric, points int) pmetric.Metric {
	m := pmetric.NewMetric()
	m.SetName(want.Name())
	m.SetUnit(want.Unit())
	for range points {
		attrs := emptyPoint(m, want.Instrument())
		for u := range want.Attributes() {
			putRight(attrs, u)
		}
	}
	return m
}

func emptyPoint(m pmetric.Metric, i semconv.Instrument) pcommon.Map {
	switch i {
	case semconv.Histogram:
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		}
		return m.Histogram().DataPoints().AppendEmpty().Attributes()
	case semconv.Gauge:
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptyGauge()
		}
		return m.Gauge().DataPoints().AppendEmpty().Attributes()
	default:
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			m.Sum().SetIsMonotonic(i == semconv.Counter)
		}
		return m.Sum().DataPoints().AppendEmpty().Attributes()
	}
}

func putRight(attrs pcommon.Map, u semconv.Use) {
	switch u.Type() {
	case semconv.Int:
		attrs.PutInt(u.Key(), 1)
	case semconv.Double:
		attrs.PutDouble(u.Key(), 1)
	case semconv.Enum:
		for v := range u.Values() {
			attrs.PutStr(u.Key(), v)
			return
		}
	default:
		attrs.PutStr(u.Key(), "x")
	}
}

func findings(m pmetric.Metric) []string {
	var found []string
	CheckMetric(m, func(f Finding) { found = append(found, f.Rule.String()+": "+f.String()) })
	return found
}

func TestEveryMetricOfTheConventionsPasses(t *testing.T) {
	for _, all := range []iter.Seq[semconv.Metric]{semconv.Metrics(), semconv.Derived()} {
		for want := range all {
			if got := findings(right(want, 2)); len(got) > 0 {
				t.Errorf("%s: %q", want.Name(), got)
			}
		}
	}
}

func TestEachRuleTellsTheWayOut(t *testing.T) {
	number := func(name, unit string, change func(pmetric.Metric)) pmetric.Metric {
		known, _ := semconv.LookupMetric(name)
		m := right(known, 1)
		if known.Name() == "" {
			m.SetName(name)
		}
		m.SetUnit(unit)
		change(m)
		return m
	}
	asIs := func(pmetric.Metric) {}
	for name, tc := range map[string]struct {
		m    pmetric.Metric
		want []string
	}{
		"other software":   {m: number("http.server.duration", "ms", asIs)},
		"the engine's own": {m: number("eventflux.custom.orders", "1", asIs)},
		"no annotation":    {m: number("stream.events.received", "", asIs)},
		"gauge for updowncounter": {m: number("eventflux.memory.usage", "By", func(m pmetric.Metric) {
			m.SetEmptyGauge().DataPoints().AppendEmpty().Attributes().PutStr("component", "x")
		})},
		"folded": {m: number("stream.events.received", "{event}", func(m pmetric.Metric) {
			m.Sum().DataPoints().At(0).Attributes().Clear()
			m.Sum().DataPoints().At(0).Attributes().PutBool("otel.metric.overflow", true)
		})},
		"name": {
			m:    number("eventflux.orders", "1", asIs),
			want: []string{`unknown_name: metric "eventflux.orders" is not in the conventions: rename it to one of them, or to eventflux.custom.*`},
		},
		"type": {
			m: number("eventflux.uptime", "s", func(m pmetric.Metric) {
				m.SetEmptySum().SetIsMonotonic(true)
				m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			}),
			want: []string{`wrong_type: metric "eventflux.uptime" is a monotonic Sum: record it with a gauge`},
		},
		"temporality": {
			m:    number("stream.events.received", "{event}", func(m pmetric.Metric) { m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta) }),
			want: []string{`wrong_temporality: metric "stream.events.received" has temporality Delta: export it as Cumulative`},
		},
		"unit": {
			m:    number("query.latency", "ms", asIs),
			want: []string{`wrong_unit: metric "query.latency" has unit "ms": record it in "s"`},
		},
		"attribute": {
			m:    number("stream.events.received", "{event}", func(m pmetric.Metric) { m.Sum().DataPoints().At(0).Attributes().Clear() }),
			want: []string{`missing_attribute: "stream.events.received" lacks attribute "stream.name": set it`},
		},
		"value": {
			m:    number("connections", "{connection}", func(m pmetric.Metric) { m.Sum().DataPoints().At(0).Attributes().PutStr("result", "ok") }),
			want: []string{`wrong_value: "connections" has attribute "result" with value "ok": set it to one of success, failure, timeout, rejected`},
		},
		"no type": {
			m:    number("eventflux.uptime", "s", func(m pmetric.Metric) { n := pmetric.NewMetric(); n.SetName(m.Name()); n.SetUnit("s"); n.CopyTo(m) }),
			want: []string{`wrong_type: metric "eventflux.uptime" is a Empty: record it with a gauge`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := findings(tc.m); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestSpansAndEventsNeedTheirAttributes(t *testing.T) {
	var got, want int
	count := func(Finding) { got++ }
	for s := range semconv.Spans() {
		span := ptrace.NewSpan()
		span.SetName(s.Name())
		for u := range s.Attributes() {
			if u.Required() {
				want++
			}
		}
		CheckSpan(span, count)
		for u := range s.Attributes() {
			putRight(span.Attributes(), u)
		}
		CheckSpan(span, count)
	}
	for e := range semconv.Events() {
		record := plog.NewLogRecord()
		record.SetEventName(e.Name())
		for u := range e.Attributes() {
			if u.Required() {
				want++
			}
		}
		CheckRecord(record, count)
		for u := range e.Attributes() {
			putRight(record.Attributes(), u)
		}
		CheckRecord(record, count)
	}
	CheckSpan(ptrace.NewSpan(), count)
	CheckRecord(plog.NewLogRecord(), count)
	if got != want || want == 0 {
		t.Errorf("%d findings, want one for each of %d required attributes", got, want)
	}
}

func TestWhatIsRightCostsNoAllocation(t *testing.T) {
	known, _ := semconv.LookupMetric("query.events.processed")
	m := right(known, 100)
	ignore := func(Finding) {}
	if n := testing.AllocsPerRun(100, func() { CheckMetric(m, ignore) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkCheckMetric(b *testing.B) {
	known, _ := semconv.LookupMetric("query.events.processed")
	const points = 1000
	m := right(known, points)
	ignore := func(Finding) {}
	walk := func() (n int) {
		for _, p := range m.Sum().DataPoints().All() {
			n += p.Attributes().Len()
		}
		return n
	}
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			CheckMetric(m, ignore)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/points, "ns/point")
	})
	b.Run("walk", func(b *testing.B) {
		for b.Loop() {
			walk()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/points, "ns/point")
	})
}

// FuzzCheck checks whatever bytes decode to: nothing may panic, and the data
// must stay as it is.
func FuzzCheck(f *testing.F) {
	md := pmetric.NewMetrics()
	metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for _, name := range []string{"connections", "query.latency", "eventflux.uptime"} {
		want, _ := semconv.LookupMetric(name)
		right(want, 1).CopyTo(metrics.AppendEmpty())
	}
	seed, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
		if err != nil {
			return
		}
		md.MarkReadOnly() // a write panics from here on
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					CheckMetric(m, func(found Finding) {
						if found.String() == "" || found.Rule.String() == "none" {
							t.Errorf("%#v has no text", found)
						}
					})
				}
			}
		}
	})
}
