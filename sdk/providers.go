// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/reader"
	"github.com/eventflux-io/eventflux-otel/sdk/propagate"
)

// maxPointsPerExport keeps a metrics request below the 4 MiB that gRPC servers accept by default.
const maxPointsPerExport = 5000

// providers are the three OpenTelemetry providers, all with the same resource. Their fields are nil if nothing is
// exported.
type providers struct {
	metrics    *sdkmetric.MeterProvider
	traces     *sdktrace.TracerProvider
	logs       *sdklog.LoggerProvider
	spans      *spanProcessor
	records    *logProcessor
	flows      *flows
	instanceID string
	abandon    context.CancelFunc // ends exporter calls that are still running
}

func newProviders(ctx context.Context, s settings, e Exporters, producer sdkmetric.Producer, sink *errorSink, lost *losses) providers {
	service := s.cfg.Service
	service.InstanceID = or(service.InstanceID, newInstanceID())
	res, err := newResource(ctx, service, s.attributes, lost)
	if err != nil {
		sink.report(fmt.Errorf("could not detect all resource attributes: %w", err))
	}
	stopped, abandon := context.WithCancel(context.WithoutCancel(ctx))
	f := &flows{}
	guarding := func(f *flow) guard { return guard{errors: sink, losses: lost, flow: f, stopped: stopped} }
	p := providers{
		flows:      f,
		spans:      newSpanProcessor(s.spanQueue, spanGuard{e.Spans, guarding(&f.traces)}),
		records:    newLogProcessor(s.logQueue, logGuard{e.Logs, guarding(&f.logs)}),
		instanceID: service.InstanceID,
		abandon:    abandon,
	}
	p.metrics = newMeterProvider(s, res, producer, metricGuard{e.Metrics, guarding(&f.metrics)}, sink)
	p.traces = newTracerProvider(res, p.spans)
	p.logs = newLoggerProvider(res, p.records)
	return p
}

// newExporters builds the exporters the host did not bring. None of the constructors connects, so an error is one
// of configuration.
func (s settings) newExporters(ctx context.Context) (e Exporters, err error) {
	e = s.exporters
	if e.Spans == nil {
		if e.Spans, err = newSpanExporter(ctx, s.target("traces")); err != nil {
			return e, fmt.Errorf("could not build the trace exporter: %w", err)
		}
	}
	if e.Metrics == nil {
		if e.Metrics, err = newMetricExporter(ctx, s.target("metrics")); err != nil {
			return e, fmt.Errorf("could not build the metric exporter: %w", err)
		}
	}
	if e.Logs == nil {
		if e.Logs, err = newLogExporter(ctx, s.target("logs")); err != nil {
			return e, fmt.Errorf("could not build the log exporter: %w", err)
		}
	}
	return e, nil
}

// newMeterProvider reads with a reader of ours: the one of OpenTelemetry reports to the process-wide error handler,
// which is the host's, does not survive a panic, and does not keep the deadline of Shutdown.
func newMeterProvider(s settings, res *resource.Resource, producer sdkmetric.Producer, e sdkmetric.Exporter, sink *errorSink) *sdkmetric.MeterProvider {
	r := reader.New(reader.Options{
		Interval: s.cfg.Metrics.Interval, Timeout: s.exportTimeout, MaxPoints: maxPointsPerExport, Failed: sink.report,
	}, producer, e)
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(r), sdkmetric.WithResource(res))
}

// newTracerProvider leaves the sampler to OTEL_TRACES_SAMPLER; without it every span that passes the token
// buckets is recorded.
func newTracerProvider(res *resource.Resource, p sdktrace.SpanProcessor) *sdktrace.TracerProvider {
	return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(p), sdktrace.WithResource(res), sdktrace.WithIDGenerator(idGenerator{}))
}

func newLoggerProvider(res *resource.Resource, p sdklog.Processor) *sdklog.LoggerProvider {
	return sdklog.NewLoggerProvider(
		sdklog.WithProcessor(severityText{}),
		sdklog.WithProcessor(p),
		sdklog.WithResource(res),
	)
}

// shutDownTraces ends the traces. When ctx has ended, the provider leaves its processor running: that is ended here.
func (p providers) shutDownTraces(ctx context.Context) error {
	if err := p.traces.Shutdown(ctx); err != nil {
		return errors.Join(err, p.spans.Shutdown(ctx))
	}
	return nil
}

// shutDownLogs is the same for logs.
func (p providers) shutDownLogs(ctx context.Context) error {
	if err := p.logs.Shutdown(ctx); err != nil {
		return errors.Join(err, p.records.Shutdown(ctx))
	}
	return nil
}

// setGlobals installs the providers process-wide.
func (p providers) setGlobals(sink *errorSink) {
	otel.SetMeterProvider(p.metrics)
	otel.SetTracerProvider(p.traces)
	otel.SetLoggerProvider(p.logs)
	otel.SetTextMapPropagator(propagate.Propagator())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(sink.report))
}
