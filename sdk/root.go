// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// startRoot begins "query.execute" and records the ingestion, whose times are known already. It returns ctx with
// the root in it, or ctx as it is if the tracer refuses.
func (w *Worker) startRoot(ctx context.Context, a Arrival, joins bool) context.Context {
	a.Stream = w.streamName()
	opts := []trace.SpanStartOption{
		trace.WithTimestamp(a.begins(time.Now())),
		trace.WithAttributes(w.rootAttributes(semconv.EventCountKey.Int(a.Count))...),
	}
	switch {
	case anyValid(a.Links):
		links := append(slices.Clip(a.Links), LinkTo(trace.SpanContextFromContext(ctx)))
		opts = append(opts, trace.WithNewRoot(), w.links(links))
	case !joins:
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
		trace.WithNewRoot(), w.links(links), trace.WithAttributes(w.rootAttributes()...),
	})
	return traced
}

func (w *Worker) start(ctx context.Context, opts []trace.SpanStartOption) (context.Context, bool) {
	traced, span := w.query.app.sdk.tracer.Start(w.in(ctx), w.query.rootName, opts...)
	if !span.IsRecording() {
		return ctx, false
	}
	w.root = span
	return traced, true
}

func (w *Worker) links(links []Link) trace.SpanStartOption {
	return trace.WithLinks(spanLinks(links, w.query.app.sdk.maxLinks)...)
}

// streamName returns the stream the open batch came from.
func (w *Worker) streamName() string {
	if w.stream != "" {
		return w.stream
	}
	return w.query.firstInput()
}

func (w *Worker) rootAttributes(more ...attribute.KeyValue) []attribute.KeyValue {
	attrs := append(more, semconv.QueryIDKey.String(w.query.id), semconv.StreamNameKey.String(w.streamName()))
	if name := w.query.app.name; name != "" {
		attrs = append(attrs, semconv.AppNameKey.String(name))
	}
	return attrs
}

// recordIngest adds "event.ingest" and, at level Detail, its leaves.
func (w *Worker) recordIngest(ctx context.Context, a Arrival) {
	start, end, ok := a.ingest()
	if !ok {
		return
	}
	count, stream := semconv.EventCountKey.Int(a.Count), semconv.StreamNameKey.String(a.Stream)
	ctx, ingest := w.past(ctx, "event.ingest "+a.Stream, trace.SpanKindInternal, start, count, stream)
	defer ingest.End(trace.WithTimestamp(end))
	if w.query.app.sdk.level != Detail {
		return
	}
	if a.Source != "" && !a.ReadStart.IsZero() && !a.ReadEnd.IsZero() {
		_, read := w.past(ctx, "source.read "+a.Source, trace.SpanKindConsumer, a.ReadStart, count, stream, semconv.SourceTypeKey.String(a.Source))
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
