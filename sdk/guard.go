// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/reader"
)

// guard stands between the OpenTelemetry SDK and the exporters. It keeps a panic from ending the process; it
// reports failures to our sink, because returned ones would reach the process-wide OpenTelemetry error handler,
// which belongs to the host; it takes out secrets; it counts; and it ends calls that outlive Shutdown, so that
// nothing is left running.
type guard struct {
	errors  *errorSink
	losses  *losses
	flow    *flow           // of the signal
	stopped context.Context //nolint:containedctx // the lifetime of the exporters, not of a call
}

// run makes one call into an exporter, which is to do what.
func (g guard) run(ctx context.Context, what string, call func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.stopped, cancel)()
	g.errors.guarded(what, func() error { return call(ctx) })
}

// flush makes a call that flushes an exporter. One that was cancelled is no failure: whoever cancelled it knows, and
// Shutdown flushes too.
func (g guard) flush(ctx context.Context, what string, call func(context.Context) error) {
	g.run(ctx, what, func(limited context.Context) error {
		err := call(limited)
		if errors.Is(ctx.Err(), context.Canceled) || g.stopped.Err() != nil {
			return nil
		}
		return err
	})
}

// export makes a call that exports items, and counts how it went.
func (g guard) export(ctx context.Context, what string, items int, call func(context.Context) error) {
	began, ok := time.Now(), false
	g.run(ctx, what, func(ctx context.Context) error {
		err := call(ctx)
		ok = err == nil
		return err
	})
	g.flow.done(items, time.Since(began), ok)
}

// guarded runs call, which is to do what, and reports what goes wrong.
func (e *errorSink) guarded(what string, call func() error) {
	defer func() {
		if p := recover(); p != nil {
			e.panicked(&e.panics.exporter, "could not "+what, p)
		}
	}()
	if err := call(); err != nil {
		e.report(fmt.Errorf("could not %s: %w", what, err))
	}
}

// panicked counts and reports a panic that was survived.
func (e *errorSink) panicked(site *atomic.Uint64, what string, p any) {
	site.Add(1)
	e.report(fmt.Errorf("%s: panic: %v", what, p))
}

type spanGuard struct {
	sdktrace.SpanExporter
	guard
}

func (g spanGuard) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	g.export(ctx, "export traces", len(spans), func(ctx context.Context) error {
		clean, n := cleanSpans(spans)
		g.losses.redacted.traces.Add(uint64(n))
		return g.SpanExporter.ExportSpans(ctx, clean)
	})
	return nil
}

func (g spanGuard) Shutdown(ctx context.Context) error {
	g.run(ctx, "shut down the trace exporter", g.SpanExporter.Shutdown)
	return nil
}

type metricGuard struct {
	sdkmetric.Exporter
	guard
}

// Export returns the error of a call that was cancelled, and does not report it: the reader cancels the export that
// is under way when Shutdown begins, and then makes it again.
func (g metricGuard) Export(ctx context.Context, rm *metricdata.ResourceMetrics) (interrupted error) {
	g.export(ctx, "export metrics", reader.Points(rm), func(call context.Context) error {
		err := g.Exporter.Export(call, rm)
		if errors.Is(ctx.Err(), context.Canceled) {
			interrupted = err
			return nil
		}
		return err
	})
	return interrupted
}

func (g metricGuard) ForceFlush(ctx context.Context) error {
	g.flush(ctx, "flush the metric exporter", g.Exporter.ForceFlush)
	return nil
}

func (g metricGuard) Shutdown(ctx context.Context) error {
	g.run(ctx, "shut down the metric exporter", g.Exporter.Shutdown)
	return nil
}

type logGuard struct {
	sdklog.Exporter
	guard
}

func (g logGuard) Export(ctx context.Context, records []sdklog.Record) error {
	g.export(ctx, "export logs", len(records), func(ctx context.Context) error {
		clean, n := cleanRecords(records)
		g.losses.hiddenInLogs(n)
		return g.Exporter.Export(ctx, clean)
	})
	return nil
}

func (g logGuard) ForceFlush(ctx context.Context) error {
	g.flush(ctx, "flush the log exporter", g.Exporter.ForceFlush)
	return nil
}

func (g logGuard) Shutdown(ctx context.Context) error {
	g.run(ctx, "shut down the log exporter", g.Exporter.Shutdown)
	return nil
}
