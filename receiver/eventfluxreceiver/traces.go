// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"iter"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/traces"
)

const (
	attrQuery    = "query.id"
	otherQueries = "_other"
)

// newTraces returns nil when traces are not looked at.
func newTraces(cfg *TracesConfig, builder *metadata.TelemetryBuilder) (*traces.Table, error) {
	if cfg.Window == 0 {
		return nil, nil
	}
	table := traces.New(traces.Limits{
		Window: cfg.Window, Traces: cfg.MaxTraces, Spans: cfg.MaxSpans, Queries: cfg.MaxQueries,
	})
	if err := builder.RegisterReceiverEventfluxSpansJudgedCallback(func(_ context.Context, o metric.Int64Observer) error {
		observeVerdicts(o, table.Counts(time.Now()))
		return nil
	}); err != nil {
		return nil, err
	}
	if err := builder.RegisterReceiverEventfluxSpansLackingCallback(func(_ context.Context, o metric.Int64Observer) error {
		observeLacking(o, table.Counts(time.Now()))
		return nil
	}); err != nil {
		return nil, err
	}
	err := builder.RegisterReceiverEventfluxSpansOpenCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(table.Open()))
		return nil
	})
	return table, err
}

// newWaiting returns nil when traces are not looked at.
func newWaiting(cfg *TracesConfig) *traces.Waiting[engines.Identity] {
	if cfg.Window == 0 {
		return nil
	}
	return traces.NewWaiting[engines.Identity](cfg.Window, max(cfg.MaxSpans/10, 1))
}

// follow looks at the spans of an engine as they leave, so that a span that the
// contract took out is one that did not come. Those of a sender that is no engine
// so far wait for its first metrics, if an engine may have made them.
func (r *eventfluxReceiver) follow(id engines.Identity, rs ptrace.ResourceSpans, engine bool, now time.Time) {
	switch {
	case r.traces == nil:
	case engine:
		r.catchUp(id, now)
		r.traces.Add(spansIn(rs), now)
	case hasKnownSpan(rs):
		r.waiting.Hold(id, spansIn(rs), now)
	}
}

// catchUp follows what came before the sender was known as an engine.
func (r *eventfluxReceiver) catchUp(id engines.Identity, now time.Time) {
	if r.traces == nil {
		return
	}
	if waited := r.waiting.Take(id, now); len(waited) > 0 {
		r.traces.Add(slices.Values(waited), now)
	}
}

func spansIn(rs ptrace.ResourceSpans) iter.Seq[traces.Span] {
	return func(yield func(traces.Span) bool) {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if !yield(asSpan(s)) {
					return
				}
			}
		}
	}
}

// hasKnownSpan reports whether a span has a name of the conventions.
func hasKnownSpan(rs ptrace.ResourceSpans) bool {
	for _, ss := range rs.ScopeSpans().All() {
		for _, s := range ss.Spans().All() {
			if _, known := semconv.LookupSpan(s.Name()); known {
				return true
			}
		}
	}
	return false
}

func asSpan(s ptrace.Span) traces.Span {
	span := traces.Span{
		Trace: s.TraceID(), ID: s.SpanID(), Parent: s.ParentSpanID(), Origin: traces.ParseOrigin(s.Flags()),
		Lacks: contract.LacksAttribute(s),
	}
	if query, ok := s.Attributes().Get(attrQuery); ok {
		span.Query = query.Str()
	}
	return span
}

func observeVerdicts(o metric.Int64Observer, counts []traces.Counts) {
	for i := range counts {
		for verdict, n := range counts[i].Verdicts {
			if n > 0 {
				o.Observe(n, metric.WithAttributes(append(queryAttributes(counts, i),
					attribute.String("verdict", traces.Verdict(verdict).String()))...))
			}
		}
	}
}

func observeLacking(o metric.Int64Observer, counts []traces.Counts) {
	for i := range counts {
		if n := counts[i].Lacking; n > 0 {
			o.Observe(n, metric.WithAttributes(queryAttributes(counts, i)...))
		}
	}
}

// queryAttributes are of the query that counts[i] is of.
func queryAttributes(counts []traces.Counts, i int) []attribute.KeyValue {
	switch i {
	case traces.NoQuery:
		return nil
	case traces.OtherQueries:
		return []attribute.KeyValue{attribute.String(attrQuery, otherQueries), attribute.Bool(attrOverflow, true)}
	default:
		return []attribute.KeyValue{attribute.String(attrQuery, counts[i].Query)}
	}
}
