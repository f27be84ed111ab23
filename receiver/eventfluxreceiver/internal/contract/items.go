// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

// CheckSpans does for the spans of one resource what CheckMetrics does for
// metrics. Other software has spans of the same names, so only those of an engine
// are looked at. Its spans outside the conventions pass.
func (p *Policy) CheckSpans(rs ptrace.ResourceSpans, engine bool, did *Report) {
	p.resource(rs.Resource())
	if !engine {
		return
	}
	scopes := rs.ScopeSpans()
	for i := range scopes.Len() {
		spans := scopes.At(i).Spans()
		if !p.changes() {
			for j := range spans.Len() {
				p.span(spans.At(j), did)
			}
			continue
		}
		spans.RemoveIf(func(s ptrace.Span) bool { return p.span(s, did) })
	}
	if did.RejectedItems() > 0 {
		scopes.RemoveIf(func(ss ptrace.ScopeSpans) bool { return ss.Spans().Len() == 0 })
	}
}

// CheckRecords does for the log records of one resource what CheckMetrics does
// for metrics. Records that are no events of the namespace eventflux pass.
func (p *Policy) CheckRecords(rl plog.ResourceLogs, did *Report) {
	p.resource(rl.Resource())
	scopes := rl.ScopeLogs()
	for i := range scopes.Len() {
		records := scopes.At(i).LogRecords()
		if !p.changes() {
			for j := range records.Len() {
				p.record(records.At(j), did)
			}
			continue
		}
		records.RemoveIf(func(r plog.LogRecord) bool { return p.record(r, did) })
	}
	if did.RejectedItems() > 0 {
		scopes.RemoveIf(func(sl plog.ScopeLogs) bool { return sl.LogRecords().Len() == 0 })
	}
}

func (p *Policy) span(s ptrace.Span, did *Report) (out bool) {
	known, ok := semconv.LookupSpan(s.Name())
	if !ok {
		return false
	}
	conventions := spanPlans[known.Name()]
	// A kind that is not said is internal, see
	// https://opentelemetry.io/docs/specs/otel/trace/api/#spankind.
	kind := max(s.Kind(), ptrace.SpanKindInternal)
	if kind != conventions.kind {
		if did.found(WrongType) {
			did.First[WrongType] = Finding{
				Rule: WrongType, Name: conventions.name,
				Got: "span of kind " + kind.String(), Want: "span of kind " + conventions.kind.String(),
			}
		}
		if p.rejects(WrongType) {
			did.Rejected[WrongType]++
			return true
		}
	}
	check := attributeCheck{policy: p, did: did, plan: conventions}
	return check.out(s.Attributes())
}

// LacksAttribute reports whether the span is one of the conventions and has not
// all attributes that they require.
func LacksAttribute(s ptrace.Span) bool {
	known, ok := semconv.LookupSpan(s.Name())
	if !ok {
		return false
	}
	uses := spanPlans[known.Name()].uses
	for i := range uses {
		if !uses[i].Required() {
			continue
		}
		if v, there := s.Attributes().Get(uses[i].key); !there || v.Type() == pcommon.ValueTypeEmpty {
			return true
		}
	}
	return false
}

func (p *Policy) record(r plog.LogRecord, did *Report) (out bool) {
	name := r.EventName()
	if !strings.HasPrefix(name, namespace) || strings.HasPrefix(name, namespaceCustom) {
		return false
	}
	conventions, ok := eventPlans[name]
	if !ok {
		if did.found(UnknownName) {
			did.First[UnknownName] = Finding{Rule: UnknownName, Name: name}
		}
		if p.rejects(UnknownName) {
			did.Rejected[UnknownName]++
			return true
		}
		return false
	}
	check := attributeCheck{policy: p, did: did, plan: conventions}
	return check.out(r.Attributes())
}
