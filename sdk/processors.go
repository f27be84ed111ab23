// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"sync"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/queue"
)

// The batch processors of OpenTelemetry do not say how much they dropped. These do, and their queues are the same
// for spans and for log records.

// outlet is a queue in front of an exporter, which it owns.
type outlet[T any] struct {
	queue *queue.Queue[T]
	end   func(context.Context) error // of the exporter
	once  sync.Once                   // of Shutdown
}

// ForceFlush waits until what is queued has been given to the exporter.
func (o *outlet[T]) ForceFlush(ctx context.Context) error { return o.queue.Flush(ctx) }

// Shutdown exports what is queued and shuts the exporter down.
func (o *outlet[T]) Shutdown(ctx context.Context) error {
	err := o.queue.Shutdown(ctx)
	o.once.Do(func() { _ = o.end(ctx) }) // a guard, which reports by itself
	return err
}

// spanProcessor queues the spans that ended.
type spanProcessor struct {
	outlet[sdktrace.ReadOnlySpan]
}

func newSpanProcessor(o queue.Options, e sdktrace.SpanExporter) *spanProcessor {
	p := &spanProcessor{}
	p.end = e.Shutdown
	p.queue = queue.New(o, func(ctx context.Context, spans []sdktrace.ReadOnlySpan) { _ = e.ExportSpans(ctx, spans) })
	return p
}

func (p *spanProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

func (p *spanProcessor) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		p.queue.Push(s)
	}
}

// logProcessor queues log records.
type logProcessor struct {
	outlet[sdklog.Record]
}

func newLogProcessor(o queue.Options, e sdklog.Exporter) *logProcessor {
	p := &logProcessor{}
	p.end = e.Shutdown
	p.queue = queue.New(o, func(ctx context.Context, records []sdklog.Record) { _ = e.Export(ctx, records) })
	return p
}

func (p *logProcessor) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

func (p *logProcessor) OnEmit(_ context.Context, r *sdklog.Record) error {
	p.queue.Push(r.Clone())
	return nil
}
