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

// spanProcessor queues the spans that ended.
type spanProcessor struct {
	queue    *queue.Queue[sdktrace.ReadOnlySpan]
	exporter sdktrace.SpanExporter
	once     sync.Once // of Shutdown
}

func newSpanProcessor(o queue.Options, e sdktrace.SpanExporter) *spanProcessor {
	q := queue.New(o, func(ctx context.Context, spans []sdktrace.ReadOnlySpan) { _ = e.ExportSpans(ctx, spans) })
	return &spanProcessor{queue: q, exporter: e}
}

func (p *spanProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

func (p *spanProcessor) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		p.queue.Push(s)
	}
}

func (p *spanProcessor) ForceFlush(ctx context.Context) error { return p.queue.Flush(ctx) }

func (p *spanProcessor) Shutdown(ctx context.Context) error {
	err := p.queue.Shutdown(ctx)
	p.once.Do(func() { _ = p.exporter.Shutdown(ctx) }) // a guard, which reports by itself
	return err
}

// logProcessor queues log records.
type logProcessor struct {
	queue    *queue.Queue[sdklog.Record]
	exporter sdklog.Exporter
	once     sync.Once // of Shutdown
}

func newLogProcessor(o queue.Options, e sdklog.Exporter) *logProcessor {
	q := queue.New(o, func(ctx context.Context, records []sdklog.Record) { _ = e.Export(ctx, records) })
	return &logProcessor{queue: q, exporter: e}
}

func (p *logProcessor) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

func (p *logProcessor) OnEmit(_ context.Context, r *sdklog.Record) error {
	p.queue.Push(r.Clone())
	return nil
}

func (p *logProcessor) ForceFlush(ctx context.Context) error { return p.queue.Flush(ctx) }

func (p *logProcessor) Shutdown(ctx context.Context) error {
	err := p.queue.Shutdown(ctx)
	p.once.Do(func() { _ = p.exporter.Shutdown(ctx) })
	return err
}
