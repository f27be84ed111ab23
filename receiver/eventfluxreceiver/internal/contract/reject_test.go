// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

// broken returns two points of a metric, of which rule takes out the number
// that is returned, too.
func broken(rule Rule) (pmetric.Metric, int) {
	known, _ := semconv.LookupMetric("connections")
	m := right(known, 2)
	attrs := m.Sum().DataPoints().At(0).Attributes()
	switch rule {
	case UnknownName:
		m.SetName("eventflux.connexions")
	case WrongType:
		m.Sum().SetIsMonotonic(false)
	case WrongTemporality:
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	case WrongUnit:
		m.SetUnit("By")
	case MissingAttribute:
		attrs.Remove("protocol")
		return m, 1
	case AmbiguousName:
		m.SetName("eventflux.custom.b_c") // beside b.c
	default:
		attrs.PutStr("result", "ok")
		return m, 1
	}
	return m, 2
}

func TestARuleThatRejectsTakesOutWhatBreaksItAndNoMore(t *testing.T) {
	for _, rule := range Rules() {
		for _, rejecting := range Rules() {
			t.Run(fmt.Sprintf("%s against %s", rule, rejecting), func(t *testing.T) {
				p := &Policy{}
				p.Rules[rejecting] = Reject
				m, want := broken(rule)
				rm := pmetric.NewResourceMetrics()
				m.CopyTo(rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty())
				var did Report
				var names Names
				names.claim("eventflux.custom.b.c", m.Unit(), exposedType(m))
				p.Distinguish(rm, &names, &did)
				p.CheckMetrics(rm, true, &did)
				if rule != rejecting {
					want = 0
				}
				if got := pointsOf(rm); got != 2-want || did.Rejected[rejecting] != want || did.RejectedItems() != want {
					t.Errorf("%d of 2 points are left, rejected %v, want %d", got, did.Rejected, want)
				}
				if did.Found[rule] != 1 {
					t.Errorf("%d breaches, want 1 whatever is done", did.Found[rule])
				}
				if (want > 0) != (did.Reason() != "") {
					t.Errorf("%d rejected, reason %q", want, did.Reason())
				}
				if want == 2 && rm.ScopeMetrics().Len() > 0 {
					t.Error("a scope is left without a metric")
				}
			})
		}
	}
}

func pointsOf(rm pmetric.ResourceMetrics) int {
	var n int
	for _, sm := range rm.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			n += datapoints.Count(m)
		}
	}
	return n
}

func TestWhatIsNoneOfItsBusinessPassesModeReject(t *testing.T) {
	for _, name := range []string{"http.server.duration", "eventflux.custom.orders", "connections", "process.cpu.time"} {
		rm := pmetric.NewResourceMetrics()
		m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName(name)
		m.SetUnit("furlong")
		m.SetEmptySum().DataPoints().AppendEmpty()
		var did Report
		everyRule(Reject).CheckMetrics(rm, false, &did)
		if did != (Report{}) || pointsOf(rm) != 1 {
			t.Errorf("%s of other software: %+v", name, did)
		}
	}
}

func TestSpansAndRecordsAreRejectedToo(t *testing.T) {
	data := func() (ptrace.ResourceSpans, plog.ResourceLogs) {
		rs, rl := ptrace.NewResourceSpans(), plog.NewResourceLogs()
		for _, name := range []string{"query.execute top", "checkpoint", "GET /orders"} {
			rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(name)
		}
		rs.ScopeSpans().At(1).Spans().At(0).SetKind(ptrace.SpanKindServer)
		for _, name := range []string{"eventflux.query.started", "eventflux.query.strated", "", "someone.elses", "eventflux.custom.mine"} {
			rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().SetEventName(name)
		}
		return rs, rl
	}
	p := everyRule(Reject)

	rs, rl := data()
	var did Report
	p.CheckSpans(rs, true, &did)
	if did.Rejected[MissingAttribute] != 1 || did.Rejected[WrongType] != 1 || rs.ScopeSpans().Len() != 1 {
		t.Errorf("rejected %v, %d spans are left", did.Rejected, rs.ScopeSpans().Len())
	}
	if want := `"checkpoint" is a span of kind Server: make it a span of kind Internal`; did.Reason() != want {
		t.Errorf("reason is %q, want %q", did.Reason(), want)
	}
	did = Report{}
	p.CheckRecords(rl, &did)
	if did.Rejected[MissingAttribute] != 1 || did.Rejected[UnknownName] != 1 || rl.ScopeLogs().Len() != 3 {
		t.Errorf("rejected %v, %d records are left", did.Rejected, rl.ScopeLogs().Len())
	}

	rs, _ = data()
	did = Report{}
	p.CheckSpans(rs, false, &did)
	if did != (Report{}) || rs.ScopeSpans().Len() != 3 {
		t.Errorf("spans of other software: %+v", did)
	}
}

// Whatever comes and whatever the policy: a point is left, or taken out and
// counted.
func TestEveryPointIsLeftOrCounted(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		p := &Policy{Unknown: Unknown(random.IntN(3))}
		for i := range p.Rules {
			p.Rules[i] = Action(random.IntN(3))
		}
		rm := pmetric.NewResourceMetrics()
		metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
		for range random.IntN(6) {
			m, _ := broken(Rule(random.IntN(RuleCount)))
			m.CopyTo(metrics.AppendEmpty())
		}
		before := pointsOf(rm)
		var did Report
		p.CheckMetrics(rm, random.IntN(2) == 0, &did)
		if after := pointsOf(rm); before != after+did.RejectedItems()+did.Dropped {
			t.Fatalf("%+v: %d came, %d are left, %v rejected, %d dropped", p, before, after, did.Rejected, did.Dropped)
		}
	}
}

func TestAReasonIsBoundedAndValid(t *testing.T) {
	rm := pmetric.NewResourceMetrics()
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("eventflux." + strings.Repeat("\xff", 1<<20))
	m.SetEmptyGauge().DataPoints().AppendEmpty()
	var did Report
	everyRule(Reject).CheckMetrics(rm, true, &did)
	if reason := did.Reason(); len(reason) > 1000 || !utf8.ValidString(reason) {
		t.Errorf("%d bytes: %q", len(reason), reason[:100])
	}
}
