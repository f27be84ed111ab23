// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"io"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Option changes what Start does. Options win over the environment and the Config.
type Option interface {
	apply(settings) settings
}

type option func(settings) settings

func (o option) apply(s settings) settings { return o(s) }

// WithServiceName sets service.name.
func WithServiceName(name string) Option {
	return option(func(s settings) settings { s.cfg.Service.Name = name; return s })
}

// WithServiceVersion sets service.version.
func WithServiceVersion(version string) Option {
	return option(func(s settings) settings { s.cfg.Service.Version = version; return s })
}

// WithInstanceID sets service.instance.id. It must be unique among the engines that report to one collector.
func WithInstanceID(id string) Option {
	return option(func(s settings) settings { s.cfg.Service.InstanceID = id; return s })
}

// WithEnvironment sets deployment.environment.
func WithEnvironment(environment string) Option {
	return option(func(s settings) settings { s.cfg.Service.Environment = environment; return s })
}

// WithResourceAttributes adds attributes to the resource of all three signals. They win over those of
// OTEL_RESOURCE_ATTRIBUTES, but not over the four of Service.
func WithResourceAttributes(attrs ...attribute.KeyValue) Option {
	return option(func(s settings) settings { s.attributes = append(s.attributes, attrs...); return s })
}

// WithEndpoint sets Export.Endpoint for all signals, also against per-signal variables.
func WithEndpoint(endpoint string) Option {
	return option(func(s settings) settings { s.cfg.Export.Endpoint = endpoint; return s.pin("ENDPOINT") })
}

// WithProtocol sets Export.Protocol for all signals, also against per-signal variables.
func WithProtocol(protocol string) Option {
	return option(func(s settings) settings { s.cfg.Export.Protocol = protocol; return s.pin("PROTOCOL") })
}

// WithHeaders sets Export.Headers for all signals, also against per-signal variables.
func WithHeaders(headers map[string]string) Option {
	return option(func(s settings) settings { s.cfg.Export.Headers = headers; return s.pin("HEADERS") })
}

// WithLevel sets Config.Level.
func WithLevel(level Level) Option {
	return option(func(s settings) settings { s.cfg.Level = level; return s })
}

// WithMetricInterval sets Metrics.Interval.
func WithMetricInterval(interval time.Duration) Option {
	return option(func(s settings) settings { s.cfg.Metrics.Interval = interval; return s })
}

// WithErrorHandler sends the failures of the export path to f instead of stderr: every one of them, unlimited. f
// is called on goroutines of the SDK, must be safe for concurrent use and must not block.
func WithErrorHandler(f func(error)) Option {
	return option(func(s settings) settings { s.onError = f; return s })
}

// WithLogWriter makes loggers write to w instead of Logging.Output. Each record is one Write; writes do not
// overlap. They happen on a goroutine of the SDK; ForceFlush and Shutdown wait for them. The SDK does not close w.
func WithLogWriter(w io.Writer) Option {
	return option(func(s settings) settings { s.logWriter = w; return s })
}

// Exporters replaces the OTLP exporters of some or all signals; a nil field keeps OTLP. Calls to an exporter do not
// overlap, except for Shutdown, and end with their context: one that ignores it holds up its own signal, and nothing
// else. Panics are survived and reported.
type Exporters struct {
	Spans   sdktrace.SpanExporter
	Metrics sdkmetric.Exporter
	Logs    sdklog.Exporter
}

// WithExporters sends signals to exporters of the host, for tests and for transports other than OTLP. The SDK
// shuts them down.
func WithExporters(e Exporters) Option {
	return option(func(s settings) settings { s.exporters = e; return s })
}

// WithGlobals installs the providers, the propagator and the error handler as the process-wide OpenTelemetry
// globals, so that libraries instrumented with OpenTelemetry export through this SDK. They stay installed after
// Shutdown.
func WithGlobals() Option {
	return option(func(s settings) settings { s.globals = true; return s })
}
