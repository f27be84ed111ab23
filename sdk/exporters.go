// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"time"

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

// The exporters of one protocol take the same options under three different types, so the choice of options is
// written once, in choose, over the constructors of each package.

// exporterOptions are the constructors of one exporter package's options.
type exporterOptions[O any] struct {
	endpoint func(string) O
	headers  func(map[string]string) O
	timeout  func(time.Duration) O
	gzip     func() O
}

// choose returns the options for what t says; what it does not say is left to the exporter.
func (e exporterOptions[O]) choose(t target) []O {
	var opts []O
	if t.endpoint != "" {
		opts = append(opts, e.endpoint(t.endpoint))
	}
	if t.headers != nil {
		opts = append(opts, e.headers(t.headers))
	}
	if t.timeout != 0 {
		opts = append(opts, e.timeout(t.timeout))
	}
	if t.compression == "gzip" {
		opts = append(opts, e.gzip())
	}
	return opts
}

func newSpanExporter(ctx context.Context, t target) (sdktrace.SpanExporter, error) {
	if t.http {
		return otlptracehttp.New(ctx, exporterOptions[otlptracehttp.Option]{
			endpoint: otlptracehttp.WithEndpointURL,
			headers:  otlptracehttp.WithHeaders,
			timeout:  otlptracehttp.WithTimeout,
			gzip:     func() otlptracehttp.Option { return otlptracehttp.WithCompression(otlptracehttp.GzipCompression) },
		}.choose(t)...)
	}
	return otlptracegrpc.New(ctx, exporterOptions[otlptracegrpc.Option]{
		endpoint: otlptracegrpc.WithEndpointURL,
		headers:  otlptracegrpc.WithHeaders,
		timeout:  otlptracegrpc.WithTimeout,
		gzip:     func() otlptracegrpc.Option { return otlptracegrpc.WithCompressor("gzip") },
	}.choose(t)...)
}

func newMetricExporter(ctx context.Context, t target) (sdkmetric.Exporter, error) {
	if t.http {
		return otlpmetrichttp.New(ctx, exporterOptions[otlpmetrichttp.Option]{
			endpoint: otlpmetrichttp.WithEndpointURL,
			headers:  otlpmetrichttp.WithHeaders,
			timeout:  otlpmetrichttp.WithTimeout,
			gzip:     func() otlpmetrichttp.Option { return otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression) },
		}.choose(t)...)
	}
	return otlpmetricgrpc.New(ctx, exporterOptions[otlpmetricgrpc.Option]{
		endpoint: otlpmetricgrpc.WithEndpointURL,
		headers:  otlpmetricgrpc.WithHeaders,
		timeout:  otlpmetricgrpc.WithTimeout,
		gzip:     func() otlpmetricgrpc.Option { return otlpmetricgrpc.WithCompressor("gzip") },
	}.choose(t)...)
}

func newLogExporter(ctx context.Context, t target) (sdklog.Exporter, error) {
	if t.http {
		return otlploghttp.New(ctx, exporterOptions[otlploghttp.Option]{
			endpoint: otlploghttp.WithEndpointURL,
			headers:  otlploghttp.WithHeaders,
			timeout:  otlploghttp.WithTimeout,
			gzip:     func() otlploghttp.Option { return otlploghttp.WithCompression(otlploghttp.GzipCompression) },
		}.choose(t)...)
	}
	return otlploggrpc.New(ctx, exporterOptions[otlploggrpc.Option]{
		endpoint: otlploggrpc.WithEndpointURL,
		headers:  otlploggrpc.WithHeaders,
		timeout:  otlploggrpc.WithTimeout,
		gzip:     func() otlploggrpc.Option { return otlploggrpc.WithCompressor("gzip") },
	}.choose(t)...)
}
