// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
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

// follow looks at the spans of an engine as they leave, so that a span that the
// contract took out is one that did not come.
func (r *eventfluxReceiver) follow(rs ptrace.ResourceSpans, now time.Time) {
	if r.traces == nil {
		return
	}
	r.traces.Add(func(yield func(traces.Span) bool) {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if !yield(asSpan(s)) {
					return
				}
			}
		}
	}, now)
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
