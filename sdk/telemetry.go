// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/health"
	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
	"github.com/eventflux-io/eventflux-otel/sdk/internal/cpushare"
	"github.com/eventflux-io/eventflux-otel/sdk/internal/export"
	"github.com/eventflux-io/eventflux-otel/sdk/internal/process"
	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact"
	"github.com/eventflux-io/eventflux-otel/sdk/propagate"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// SDK is one engine's telemetry. All methods are safe for concurrent use and legal on a nil SDK.
type SDK struct {
	level     Level
	perQuery  float64
	maxLinks  int
	maxSeries int
	slow      time.Duration // latency from which a batch is traced after the fact
	labelling atomic.Int32  // above zero: work carries pprof labels
	silent    bool          // does not even log
	started   time.Time

	registry  *export.Registry // nil: nothing is exported
	tracer    trace.Tracer     // nil: nothing is traced
	gates     gates
	decisions decisions
	collected openQueries
	cpu       *cpushare.Ledger
	custom    customMetrics

	handler   slog.Handler
	logger    *slog.Logger
	local     localLog
	losses    losses
	errors    *errorSink
	providers providers
	runtime   bindings
	shutdown  shutdown

	health  *health.Registry
	overall *transitions // of the whole; nil: nothing is exported
}

// Noop returns an SDK that does nothing: no export, no log output.
func Noop() *SDK {
	sdk := &SDK{level: Off, silent: true, handler: slog.DiscardHandler, logger: slog.New(slog.DiscardHandler), started: time.Now()}
	sdk.health = sdk.newHealth()
	return sdk
}

// Start builds the telemetry of this process from cfg, the OTEL_* environment and opts; later ones win. It does
// not wait for the collector, so an engine starts as fast with the collector down.
//
// The SDK is never nil. On error it is one that works but exports nothing, so the engine may report the error and
// go on; its loggers still write locally. With OTEL_SDK_DISABLED=true or level Off the same SDK comes without
// error.
func Start(ctx context.Context, cfg Config, opts ...Option) (*SDK, error) {
	s := newSettings(cfg, opts)
	sdk := newSDK(s)
	logErr := sdk.openLog(s)
	err := errors.Join(s.cfg.Validate(), logErr)
	if err == nil && s.cfg.Level != Off && !s.disabled {
		err = sdk.startExport(ctx, s)
	}
	if err != nil {
		_, err = redact.Error(fmt.Errorf("could not start telemetry, nothing is exported: %w", err))
		return sdk, err
	}
	return sdk, nil
}

func newSDK(s settings) *SDK {
	sdk := Noop()
	sdk.silent = false
	sdk.level = s.cfg.Level
	sdk.perQuery = s.cfg.Traces.PerQuery
	sdk.maxLinks = s.cfg.Traces.MaxLinks
	sdk.maxSeries = s.cfg.Metrics.MaxSeries
	sdk.slow = s.cfg.Traces.Slow
	if sdk.slow < 0 {
		sdk.slow = math.MaxInt64
	}
	if s.cfg.Profiling {
		sdk.labelling.Add(1)
	}
	sdk.errors = newErrorSink(s.onError)
	for _, err := range s.problems {
		sdk.errors.report(err)
	}
	return sdk
}

// startExport builds the providers and everything that needs them. If it fails the SDK stays a local one.
func (s *SDK) startExport(ctx context.Context, set settings) error {
	e, err := set.newExporters(ctx)
	if err != nil {
		return err
	}
	registry := s.newRegistry(set, e.Metrics)
	providers := newProviders(ctx, set, e, registry, s.errors, &s.losses)
	s.providers, s.registry = providers, registry
	s.tracer = providers.traces.Tracer(scopeName, trace.WithInstrumentationVersion(Version))
	s.gates.open(set.cfg.Traces.Total)
	s.teeLogs(providers.logs, set.cfg.Logging)
	s.bindRuntime()
	s.bindHealth()
	if set.globals {
		providers.setGlobals(s.errors)
	}
	return nil
}

// newRegistry makes the registry of series. Temporality is what the exporter wants, which is what
// OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE says.
func (s *SDK) newRegistry(set settings, e sdkmetric.Exporter) *export.Registry {
	used, _ := process.Read().CPU()
	s.cpu = cpushare.NewLedger(used)
	var took *cells.Histogram
	registry := export.NewRegistry(export.Options{
		Collected:          func(d time.Duration) { took.Observe(int64(d)) },
		Scope:              instrumentation.Scope{Name: scopeName, Version: Version},
		MaxSeries:          set.cfg.Metrics.MaxSeries,
		MaxSeriesPerFamily: set.cfg.Metrics.MaxSeriesPerMetric,
		NoExemplars:        set.noExemplars,
		Delta:              metricGuard{e, guard{errors: s.errors}}.Temporality(sdkmetric.InstrumentKindCounter) == metricdata.DeltaTemporality,
		Attribute:          s.losses.metricAttribute,
		OnLimit: func(metric string) {
			s.logger.Warn("metric reached its limit of series, new ones are counted as one", string(semconv.MetricNameKey), metric)
		},
		OnHang: func(metric string) {
			s.errors.report(fmt.Errorf("could not read metric %s: its function has not answered for a second, it is left out until it does", metric))
		},
		OnPanic: func(metric string, p any) {
			s.errors.panicked(&s.errors.panics.callback, "could not read metric "+metric, p)
		},
	})
	took, release := registry.Histogram(family(semconv.TelemetryCollectDuration))
	s.runtime.release(release)
	return registry
}

// Logger returns the engine's logger, with target "eventflux". Use Query.Logger for records about a query.
func (s *SDK) Logger() *slog.Logger {
	if s == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.logger
}

// LogHandler returns the handler behind Logger, for engines that build their own loggers. The attribute "target"
// is reserved: it names the part of the engine that speaks.
func (s *SDK) LogHandler() slog.Handler {
	if s == nil {
		return slog.DiscardHandler
	}
	return s.handler
}

// Propagator returns W3C trace context and baggage, whatever the OpenTelemetry globals say. It works on a nil SDK
// too, so that a node without telemetry passes on the context of its neighbours.
func (s *SDK) Propagator() propagation.TextMapPropagator {
	return propagate.Propagator()
}
