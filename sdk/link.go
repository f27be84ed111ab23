// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import "go.opentelemetry.io/otel/trace"

// Link refers to the trace of an earlier batch. The zero Link refers to nothing and is ignored wherever links are
// taken. A Link is a value: keep as many as a window holds batches; Trigger and Begin cap them.
type Link struct {
	context trace.SpanContext
}

// LinkTo returns a Link to the given span, or the zero Link if that span is not recorded.
func LinkTo(sc trace.SpanContext) Link {
	if !sc.IsValid() || !sc.IsSampled() {
		return Link{}
	}
	return Link{context: sc}
}

// Valid reports whether the link refers to a trace.
func (l Link) Valid() bool {
	return l.context.IsValid()
}

// spanLinks converts at most limit valid links, the newest ones, without repetitions.
func spanLinks(links []Link, limit int) []trace.Link {
	var out []trace.Link
	seen := make(map[trace.SpanID]struct{})
	for i := len(links) - 1; i >= 0 && len(out) < limit; i-- {
		sc := links[i].context
		if _, again := seen[sc.SpanID()]; again || !sc.IsValid() {
			continue
		}
		seen[sc.SpanID()] = struct{}{}
		out = append(out, trace.Link{SpanContext: sc})
	}
	return out
}

func anyValid(links []Link) bool {
	for _, l := range links {
		if l.Valid() {
			return true
		}
	}
	return false
}
