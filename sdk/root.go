// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// startRoot begins "query.execute" and records the ingestion, whose times are known already. It returns ctx with
// the root in it, or ctx as it is if the tracer refuses.
func (w *Worker) startRoot(ctx context.Context, a Arrival, now time.Time, joins bool) context.Context {
	if a.Stream == "" {
		a.Stream = w.query.firstInput()
	}
	opts := []trace.SpanStartOption{
		trace.WithTimestamp(a.begins(now)),
		trace.WithAttributes(w.rootAttributes(a.Stream, keyEventCount.Int(a.Count))...),
	}
	if !joins {
		opts = append(opts, trace.WithNewRoot())
	}
	traced, ok := w.start(ctx, opts)
	if ok {
		w.recordIngest(traced, a)
	}
	return traced
}

// startTriggerRoot begins "query.execute" for a window that a timer closed.
func (w *Worker) startTriggerRoot(ctx context.Context, links []Link) context.Context {
	traced, _ := w.start(ctx, []trace.SpanStartOption{
		trace.WithNewRoot(),
		trace.WithTimestamp(w.started),
		trace.WithLinks(spanLinks(links, w.query.app.sdk.maxLinks)...),
		trace.WithAttributes(w.rootAttributes(w.query.firstInput())...),
	})
	return traced
}

func (w *Worker) start(ctx context.Context, opts []trace.SpanStartOption) (context.Context, bool) {
	sdk := w.query.app.sdk
	if sdk.tracer == nil {
		return ctx, false
	}
	traced, span := sdk.tracer.Start(ctx, w.query.rootName, opts...)
	if !span.IsRecording() {
		return ctx, false
	}
	w.root = span
	return traced, true
}

func (w *Worker) rootAttributes(stream string, more ...attribute.KeyValue) []attribute.KeyValue {
	attrs := append(more, keyQueryID.String(w.query.id), keyStreamName.String(stream))
	if name := w.query.app.name; name != "" {
		attrs = append(attrs, keyAppName.String(name))
	}
	return attrs
}

// recordIngest adds "event.ingest" and, at level Detail, its leaves.
func (w *Worker) recordIngest(ctx context.Context, a Arrival) {
	start, end, ok := a.ingest()
	if !ok {
		return
	}
	count, stream := keyEventCount.Int(a.Count), keyStreamName.String(a.Stream)
	ctx, ingest := w.past(ctx, "event.ingest "+a.Stream, trace.SpanKindInternal, start, count, stream)
	defer ingest.End(trace.WithTimestamp(end))
	if w.query.app.sdk.level != Detail {
		return
	}
	if a.Source != "" && !a.ReadStart.IsZero() && !a.ReadEnd.IsZero() {
		_, read := w.past(ctx, "source.read "+a.Source, trace.SpanKindConsumer, a.ReadStart, count, stream, keySourceType.String(a.Source))
		read.End(trace.WithTimestamp(a.ReadEnd))
	}
	if !a.SendStart.IsZero() && !a.SendEnd.IsZero() {
		_, send := w.past(ctx, "junction.send "+a.Stream, trace.SpanKindInternal, a.SendStart, count, stream)
		send.End(trace.WithTimestamp(a.SendEnd))
	}
}

// past begins a span at a time that has passed.
func (w *Worker) past(ctx context.Context, name string, kind trace.SpanKind, start time.Time, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	return w.query.app.sdk.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(start), trace.WithAttributes(attrs...))
}
