// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/fairness"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/series"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/traces"
)

// eventfluxReceiver stands behind the up to three pipelines of one
// configuration. The next consumers are set before Start and not after.
type eventfluxReceiver struct {
	cfg  *Config
	set  receiver.Settings
	tel  *telemetry
	list *engines.Registry
	// fairness is nil without a limit.
	fairness *fairness.Table
	// policy is what is done with data that does not meet the conventions.
	policy *contract.Policy
	// agents are the collectors that send what engines sent to them.
	agents *engines.Registry
	heart  *heart
	canary *canary
	series *series.Store
	// traces and waiting are nil when traces are not looked at.
	traces  *traces.Table
	waiting *traces.Waiting[engines.Identity]
	// conclusive says that connections end only when the far end ends.
	conclusive bool
	forget     func() // takes this receiver out of the factory's instances

	nextTraces  consumer.Traces
	nextMetrics consumer.Metrics
	nextLogs    consumer.Logs

	start      sync.Once
	startErr   error
	stop       sync.Once
	stopErr    error
	server     *server.Server
	leaver     leaver
	unregister func()
}

func newReceiver(set receiver.Settings, cfg *Config, forget func()) (*eventfluxReceiver, error) {
	list := newRegistry(&cfg.Engines)
	store := series.New(series.Limits{Total: cfg.Engines.MaxSeries, PerEngine: cfg.Engines.MaxSeriesPerEngine})
	tel, err := newTelemetry(set, list, store)
	if err != nil {
		return nil, err
	}
	whole, err := newTraces(&cfg.Traces, tel.builder)
	if err != nil {
		return nil, err
	}
	r := &eventfluxReceiver{
		cfg: cfg, set: set, tel: tel, list: list, agents: newRegistry(&cfg.Engines), forget: forget,
		series:     store,
		traces:     whole,
		waiting:    newWaiting(&cfg.Traces),
		fairness:   newFairness(cfg),
		policy:     cfg.Contract.policy(),
		conclusive: !cfg.endsConnections(),
		unregister: func() {},
	}
	r.heart, r.canary = newHeart(r), newCanary(r)
	return r, nil
}

// Start runs once however many pipelines call it.
func (r *eventfluxReceiver) Start(ctx context.Context, host component.Host) error {
	r.start.Do(func() { r.startErr = r.startOnce(ctx, host) })
	return r.startErr
}

func (r *eventfluxReceiver) startOnce(ctx context.Context, host component.Host) error {
	registry, err := r.healthExtension(host)
	if err != nil {
		return err
	}
	srv, err := server.Start(ctx, r.serverConfig(), r.consumers(), server.Settings{
		Host:      host,
		Telemetry: r.set.TelemetrySettings,
		Ended:     func(c *server.Connection) { r.ended(c, time.Now()) },
		Failed:    func(err error) { r.failed(host, err) },
	})
	if err != nil {
		return err
	}
	r.server = srv
	r.leaver.server, r.leaver.logger = srv, r.set.Logger
	r.unregister = r.register(registry)
	r.heart.start()
	r.canary.start()
	if srv.GRPCAddr != nil {
		r.set.Logger.Info("Listening for OTLP over gRPC", zap.Stringer("endpoint", srv.GRPCAddr))
	}
	if srv.HTTPAddr != nil {
		r.set.Logger.Info("Listening for OTLP over HTTP", zap.Stringer("endpoint", srv.HTTPAddr))
	}
	return nil
}

// Shutdown stops the servers within the shutdown timeout. It is safe before
// Start and runs once.
func (r *eventfluxReceiver) Shutdown(ctx context.Context) error {
	r.stop.Do(func() { r.stopErr = r.stopOnce(ctx) })
	return r.stopErr
}

func (r *eventfluxReceiver) stopOnce(ctx context.Context) error {
	r.forget()
	r.unregister()
	defer r.tel.shutdown()
	if r.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.ShutdownTimeout)
	defer cancel()
	// First: connections that the server ends say nothing of engines.
	r.heart.shutdown(ctx)
	r.canary.shutdown(ctx)
	return r.server.Shutdown(ctx)
}

// healthExtension finds the extension that the configuration names.
func (r *eventfluxReceiver) healthExtension(host component.Host) (engineview.Registry, error) {
	if r.cfg.HealthExtension == nil {
		return nil, nil
	}
	id := *r.cfg.HealthExtension
	ext, ok := host.GetExtensions()[id]
	if !ok {
		return nil, fmt.Errorf("health_extension %q is not running: add it to service::extensions", id)
	}
	registry, ok := ext.(engineview.Registry)
	if !ok {
		return nil, fmt.Errorf("health_extension %q does not take engines: name an extension of type pipeline_health", id)
	}
	return registry, nil
}

func (r *eventfluxReceiver) serverConfig() server.Config {
	var cfg server.Config
	if r.cfg.Protocols.GRPC.HasValue() {
		cfg.GRPC = r.cfg.Protocols.GRPC.Get()
	}
	if r.cfg.Protocols.HTTP.HasValue() {
		http := r.cfg.Protocols.HTTP.Get()
		cfg.HTTP = &http.Server
		cfg.Paths = server.Paths{
			Traces:  string(http.TracesURLPath),
			Metrics: string(http.MetricsURLPath),
			Logs:    string(http.LogsURLPath),
		}
	}
	return cfg
}

// consumers leaves out the signals that no pipeline takes.
func (r *eventfluxReceiver) consumers() server.Consumers {
	var c server.Consumers
	if r.nextTraces != nil {
		c.Traces = r.consumeTraces
	}
	if r.nextMetrics != nil {
		c.Metrics = r.consumeMetrics
	}
	if r.nextLogs != nil {
		c.Logs = r.consumeLogs
	}
	return c
}

func (r *eventfluxReceiver) consumeTraces(ctx context.Context, from server.Origin, td ptrace.Traces) (server.Rejected, error) {
	received := td.SpanCount()
	r.tel.took(ctx, traceSignal, received)
	defer r.tel.let(ctx, traceSignal, received)
	in := r.admitTraces(ctx, from, td, time.Now())
	n := td.SpanCount()
	if n == 0 {
		return in.answer(), nil
	}
	obs := r.tel.obs(from.Transport)
	ctx = obs.StartTracesOp(ctx)
	err := r.fair(ctx, func() []fairness.Share { return spanShares(td) }, time.Now())
	if err == nil {
		err = r.nextTraces.ConsumeTraces(ctx, td)
	}
	in.settle(err)
	obs.EndTracesOp(ctx, metadataFormat, n, err)
	return in.answer(), err
}

func (r *eventfluxReceiver) consumeMetrics(ctx context.Context, from server.Origin, md pmetric.Metrics) (server.Rejected, error) {
	received := md.DataPointCount()
	r.tel.took(ctx, metricSignal, received)
	defer r.tel.let(ctx, metricSignal, received)
	in := r.admitMetrics(ctx, from, md, time.Now())
	n := md.DataPointCount()
	if n == 0 {
		return in.answer(), nil
	}
	obs := r.tel.obs(from.Transport)
	ctx = obs.StartMetricsOp(ctx)
	err := r.fair(ctx, func() []fairness.Share { return metricShares(md) }, time.Now())
	if err == nil {
		err = r.nextMetrics.ConsumeMetrics(ctx, md)
	}
	in.settle(err)
	obs.EndMetricsOp(ctx, metadataFormat, n, err)
	return in.answer(), err
}

func (r *eventfluxReceiver) consumeLogs(ctx context.Context, from server.Origin, ld plog.Logs) (server.Rejected, error) {
	received := ld.LogRecordCount()
	r.tel.took(ctx, logSignal, received)
	defer r.tel.let(ctx, logSignal, received)
	in := r.admitLogs(ctx, from, ld, time.Now())
	n := ld.LogRecordCount()
	if n == 0 {
		return in.answer(), nil
	}
	obs := r.tel.obs(from.Transport)
	ctx = obs.StartLogsOp(ctx)
	err := r.fair(ctx, func() []fairness.Share { return recordShares(ld) }, time.Now())
	if err == nil {
		err = r.nextLogs.ConsumeLogs(ctx, ld)
	}
	in.settle(err)
	obs.EndLogsOp(ctx, metadataFormat, n, err)
	return in.answer(), err
}
