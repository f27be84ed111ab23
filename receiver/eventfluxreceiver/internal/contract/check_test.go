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

// check holds one metric of an engine against the conventions.
func check(p *Policy, m pmetric.Metric) Report {
	rm := pmetric.NewResourceMetrics()
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	m.CopyTo(metrics.AppendEmpty())
	var did Report
	p.CheckMetrics(rm, true, &did)
	return did
}

// findings are the rules that the metric breaks, each with its first breach.
func findings(m pmetric.Metric) []string { return texts(check(&Policy{}, m)) }

func texts(did Report) []string {
	var found []string
	for i, n := range did.Found {
		if n > 0 {
			found = append(found, Rule(i).String()+": "+did.First[i].String())
		}
	}
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
			want: []string{`unknown_name: "eventflux.orders" is not in the conventions: rename it to one of them, or to eventflux.custom.*`},
		},
		"type": {
			m: number("eventflux.uptime", "s", func(m pmetric.Metric) {
				m.SetEmptySum().SetIsMonotonic(true)
				m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			}),
			want: []string{`wrong_type: "eventflux.uptime" is a monotonic Sum: make it a gauge`},
		},
		"temporality": {
			m:    number("stream.events.received", "{event}", func(m pmetric.Metric) { m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta) }),
			want: []string{`wrong_temporality: "stream.events.received" has temporality Delta: export it as Cumulative`},
		},
		"unit": {
			m:    number("query.latency", "ms", asIs),
			want: []string{`wrong_unit: "query.latency" has unit "ms": record it in "s"`},
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
			want: []string{`wrong_type: "eventflux.uptime" is a Empty: make it a gauge`},
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
	var did Report
	var want int
	observe := &Policy{}
	rs := ptrace.NewResourceSpans()
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for s := range semconv.Spans() {
		spans.AppendEmpty().SetName(s.Name())
		spans.At(spans.Len() - 1).SetKind(kinds[s.Kind()])
		span := spans.AppendEmpty()
		span.SetName(s.Name())
		span.SetKind(kinds[s.Kind()])
		for u := range s.Attributes() {
			if u.Required() {
				want++
			}
			putRight(span.Attributes(), u)
		}
	}
	spans.AppendEmpty()
	observe.CheckSpans(rs, true, &did)

	rl := plog.NewResourceLogs()
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for e := range semconv.Events() {
		records.AppendEmpty().SetEventName(e.Name())
		record := records.AppendEmpty()
		record.SetEventName(e.Name())
		for u := range e.Attributes() {
			if u.Required() {
				want++
			}
			putRight(record.Attributes(), u)
		}
	}
	records.AppendEmpty()
	observe.CheckRecords(rl, &did)
	if got := did.Found[MissingAttribute]; got != want || want == 0 || did.RejectedItems() != 0 {
		t.Errorf("%d findings, want one for each of %d required attributes", got, want)
	}
}

// engineData returns what an engine sends that meets the conventions.
func engineData(points int) (pmetric.ResourceMetrics, ptrace.ResourceSpans, plog.ResourceLogs) {
	rm, rs, rl := pmetric.NewResourceMetrics(), ptrace.NewResourceSpans(), plog.NewResourceLogs()
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	for m := range semconv.Metrics() {
		right(m, points).CopyTo(metrics.AppendEmpty())
	}
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for s := range semconv.Spans() {
		span := spans.AppendEmpty()
		span.SetName(s.Name())
		span.SetKind(kinds[s.Kind()])
		for u := range s.Attributes() {
			putRight(span.Attributes(), u)
		}
	}
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for e := range semconv.Events() {
		record := records.AppendEmpty()
		record.SetEventName(e.Name())
		for u := range e.Attributes() {
			putRight(record.Attributes(), u)
		}
	}
	return rm, rs, rl
}

// policies are those of each mode.
func policies() map[string]*Policy {
	all := map[string]*Policy{}
	for name, action := range map[string]Action{"observe": Observe, "fix": Fix, "reject": Reject} {
		all[name] = everyRule(action)
		all[name].Expose = action == Fix
	}
	return all
}

func everyRule(a Action) *Policy {
	p := &Policy{}
	for i := range p.Rules {
		p.Rules[i] = a
	}
	return p
}

func TestWhatIsRightCostsNoAllocation(t *testing.T) {
	rm, rs, rl := engineData(3)
	for _, name := range []string{"http_server_requests_total", "queryable", "system.cpu.time"} {
		m := rm.ScopeMetrics().At(0).Metrics().AppendEmpty()
		m.SetName(name)
		m.SetEmptySum().DataPoints().AppendEmpty()
	}
	for mode, p := range policies() {
		var did Report
		n := testing.AllocsPerRun(100, func() {
			did = Report{}
			p.Rename(rm, true, &did)
			p.CheckMetrics(rm, true, &did)
			p.CheckSpans(rs, true, &did)
			p.CheckRecords(rl, &did)
		})
		if n != 0 || len(texts(did)) > 0 {
			t.Errorf("%s: %v allocations, want 0, %q", mode, n, texts(did))
		}
	}
}

func BenchmarkCheckMetrics(b *testing.B) {
	known, _ := semconv.LookupMetric("query.events.processed")
	const points = 1000
	rm := pmetric.NewResourceMetrics()
	right(known, points).CopyTo(rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty())
	for mode, p := range policies() {
		b.Run(mode, func(b *testing.B) {
			var did Report
			for b.Loop() {
				did = Report{}
				p.CheckMetrics(rm, true, &did)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/points, "ns/point")
		})
	}
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
			var did Report
			(&Policy{}).CheckMetrics(rm, true, &did)
			for i, n := range did.Found {
				if n > 0 && (did.First[i].String() == "" || did.First[i].Rule != Rule(i)) {
					t.Errorf("%s was broken %d times, first %#v", Rule(i), n, did.First[i])
				}
			}
		}
	})
}
