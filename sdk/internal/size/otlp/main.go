// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Command otlp is the smallest engine that sends all three signals with OpenTelemetry alone, over gRPC or HTTP. The
// tool enginesize measures what another one gains by importing the SDK instead.
package main

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	if err := run(context.Background(), len(os.Args) > 1); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, http bool) error {
	spans, metrics, logs, err := exporters(ctx, http)
	if err != nil {
		return err
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)))
	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	loggers := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(logs)))
	counter, err := meters.Meter("engine").Int64Counter("events")
	if err != nil {
		return err
	}
	_, span := tracers.Tracer("engine").Start(ctx, "batch")
	counter.Add(ctx, 1)
	span.End()
	for _, shutDown := range []func(context.Context) error{meters.Shutdown, tracers.Shutdown, loggers.Shutdown} {
		if err := shutDown(ctx); err != nil {
			return err
		}
	}
	return nil
}

func exporters(ctx context.Context, http bool) (spans sdktrace.SpanExporter, metrics sdkmetric.Exporter, logs sdklog.Exporter, err error) {
	if http {
		if spans, err = otlptracehttp.New(ctx); err != nil {
			return nil, nil, nil, err
		}
		if metrics, err = otlpmetrichttp.New(ctx); err != nil {
			return nil, nil, nil, err
		}
		logs, err = otlploghttp.New(ctx)
		return spans, metrics, logs, err
	}
	if spans, err = otlptracegrpc.New(ctx); err != nil {
		return nil, nil, nil, err
	}
	if metrics, err = otlpmetricgrpc.New(ctx); err != nil {
		return nil, nil, nil, err
	}
	logs, err = otlploggrpc.New(ctx)
	return spans, metrics, logs, err
}
