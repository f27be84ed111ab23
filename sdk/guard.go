// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"fmt"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// The guards stand between the OpenTelemetry SDK and an exporter. They keep a panic from ending the process, and
// they report failures to our sink; returned as errors, those would reach the process-wide OpenTelemetry error
// handler, which belongs to the host.

// guarded runs call, which is to do what, and reports what goes wrong.
func (e *errorSink) guarded(what string, call func() error) {
	defer func() {
		if p := recover(); p != nil {
			e.report(fmt.Errorf("could not %s: panic: %v", what, p))
		}
	}()
	if err := call(); err != nil {
		e.report(fmt.Errorf("could not %s: %w", what, err))
	}
}

type spanGuard struct {
	sdktrace.SpanExporter

	errors *errorSink
}

func (g spanGuard) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	g.errors.guarded("export traces", func() error { return g.SpanExporter.ExportSpans(ctx, spans) })
	return nil
}

type metricGuard struct {
	sdkmetric.Exporter

	errors *errorSink
}

func (g metricGuard) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	g.errors.guarded("export metrics", func() error { return g.Exporter.Export(ctx, rm) })
	return nil
}

type logGuard struct {
	sdklog.Exporter

	errors *errorSink
}

func (g logGuard) Export(ctx context.Context, records []sdklog.Record) error {
	g.errors.guarded("export logs", func() error { return g.Exporter.Export(ctx, records) })
	return nil
}
