// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"maps"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

// fixAll does to all resources what mode fix does.
func fixAll(md pmetric.Metrics) Report {
	p := everyRule(Fix)
	p.Expose = true
	var all Report
	for _, rm := range md.ResourceMetrics().All() {
		var did Report
		p.Rename(rm, true, &did)
		p.Distinguish(rm, nil, &did)
		p.CheckMetrics(rm, true, &did)
		for i, n := range did.Repaired {
			all.Repaired[i] += n
		}
		all.Rejected[0] += did.RejectedItems() + did.Dropped
	}
	return all
}

// seeds are data with each thing that mode fix repairs.
func seeds(f *testing.F) {
	f.Helper()
	var all []pmetric.Metrics
	for _, name := range []string{"connections", "query.latency", "eventflux.uptime", "query.execution.errors"} {
		md := pmetric.NewMetrics()
		known, _ := semconv.LookupMetric(name)
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr(keyEnvironment, "test")
		right(known, 2).CopyTo(rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty())
		m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		right(known, 2).CopyTo(m)
		m.SetUnit("ms")
		eachPoint(m, func(attrs pcommon.Map) {
			attrs.PutStr("query_id", "q")
			attrs.PutInt("job", 1)
		})
		all = append(all, md)
	}
	old, _ := counters("stream_events_total", "stream.events.received", "query_latency_seconds", "errors_total")
	numbers := old.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints()
	numbers.AppendEmpty().SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	all = append(all, old)
	for _, md := range all {
		seed, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
}

// FuzzFix repairs whatever bytes decode to: every point is left or counted as
// doubled, labels differ, no end of a series has company, and repairing again
// changes nothing.
func FuzzFix(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
		if err != nil {
			return
		}
		before := md.DataPointCount()
		did := fixAll(md)
		if after := md.DataPointCount(); before != after+did.Repaired[Doubled] || did.Rejected[0] != 0 {
			t.Fatalf("%d points came, %d are left, %d were doubled", before, after, did.Repaired[Doubled])
		}
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					exposable(t, m)
				}
			}
		}
		marshal := func() []byte {
			text, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		once := marshal()
		if again := fixAll(md); !bytes.Equal(once, marshal()) {
			t.Fatalf("a second time changes %v", repairs(again))
		}
	})
}

func exposable(t *testing.T, m pmetric.Metric) {
	t.Helper()
	if ends := staleCount(m); ends > 0 && datapoints.Count(m) > 1 {
		t.Errorf("%d of %d points of %q end a series", ends, datapoints.Count(m), m.Name())
	}
	if _, known := metricPlans[m.Name()]; !known {
		return
	}
	eachPoint(m, func(attrs pcommon.Map) {
		if key, found := inTheWay(attrs); found {
			t.Errorf("%q of %q cannot be a label beside %v", key, m.Name(), attrs.AsRaw())
		}
	})
}

func TestSpansAndRecordsAreRepairedToo(t *testing.T) {
	rs, rl := ptrace.NewResourceSpans(), plog.NewResourceLogs()
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName("query.execute top")
	span.Attributes().PutStr("query_id", "top")
	span.Attributes().PutStr("stream", "s")
	span.Attributes().PutStr("event.count", "5")
	record := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName("eventflux.backpressure.ended")
	record.Attributes().PutStr("stream_name", "s")
	var did Report
	p := everyRule(Fix)
	p.CheckSpans(rs, true, &did)
	p.CheckRecords(rl, &did)

	want := map[string]any{"query.id": "top", "stream.name": "s", "event.count": int64(5)}
	if got := span.Attributes().AsRaw(); !maps.Equal(got, want) {
		t.Errorf("the span has %v, want %v", got, want)
	}
	if got := record.Attributes().AsRaw(); !maps.Equal(got, map[string]any{"stream.name": "s"}) {
		t.Errorf("the record has %v", got)
	}
	if got := repairs(did); !maps.Equal(got, map[Repair]int{Relabeled: 2, Retyped: 1}) {
		t.Errorf("did %v", got)
	}
}

func TestValuesThatFitOnlyAlmost(t *testing.T) {
	span := func(value func(pcommon.Map)) map[string]any {
		rs := ptrace.NewResourceSpans()
		s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetName("window.process")
		for key, text := range map[string]string{"query.id": "q", "window.type": "sliding", "processor.type": "window"} {
			s.Attributes().PutStr(key, text)
		}
		s.Attributes().PutInt("event.count", 1)
		value(s.Attributes())
		var did Report
		everyRule(Fix).CheckSpans(rs, true, &did)
		return s.Attributes().AsRaw()
	}
	for name, tc := range map[string]struct {
		put  func(pcommon.Map)
		key  string
		want any
	}{
		"a number as text":      {func(m pcommon.Map) { m.PutStr("event.count", " 7 ") }, "event.count", int64(7)},
		"a whole number":        {func(m pcommon.Map) { m.PutDouble("event.count", 7) }, "event.count", int64(7)},
		"half a number":         {func(m pcommon.Map) { m.PutDouble("event.count", 7.5) }, "event.count", 7.5},
		"no number":             {func(m pcommon.Map) { m.PutStr("event.count", "many") }, "event.count", "many"},
		"a fraction as text":    {func(m pcommon.Map) { m.PutStr("eventflux.window.duration", "0.5") }, "eventflux.window.duration", 0.5},
		"text that is a number": {func(m pcommon.Map) { m.PutInt("query.id", 7) }, "query.id", "7"},
	} {
		if got := span(tc.put)[tc.key]; got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
