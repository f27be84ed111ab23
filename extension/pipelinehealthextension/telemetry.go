// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// telemetry is everything the extension says about itself: a log line for each
// change of status, and the newest report as metrics.
type telemetry struct {
	logger  *zap.Logger
	builder *metadata.TelemetryBuilder

	mu     sync.Mutex // orders the changes
	latest verdict.Report
	damper verdict.Damper
	told   verdict.Status
}

// statusChanged is the name of the event that a change of status is.
const statusChanged = "pipeline_health.status_changed"

func (t *telemetry) register(set component.TelemetrySettings) (err error) {
	if t.builder, err = metadata.NewTelemetryBuilder(set); err != nil {
		return err
	}
	for _, register := range []func() error{
		func() error { return t.builder.RegisterPipelineHealthStatusCallback(t.observe(observeStatus)) },
		func() error { return t.builder.RegisterPipelineHealthCheckCallback(t.observe(observeChecks)) },
		func() error {
			return t.builder.RegisterPipelineHealthDestinationsCallback(t.observe(observeDestinations))
		},
		func() error { return t.builder.RegisterPipelineHealthEnginesCallback(t.observe(observeEngines)) },
	} {
		if err = register(); err != nil {
			t.builder.Shutdown()
			return err
		}
	}
	return nil
}

func (t *telemetry) shutdown() {
	t.builder.Shutdown()
}

// note takes a new report, under a lock, so that an older report
// is never taken for a change of a newer one.
func (t *telemetry) note(report func() verdict.Report, occasion string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.told
	t.latest = report()
	t.told = t.damper.Tell(t.latest.Status, now)
	if before == t.told {
		return
	}
	level := zapcore.InfoLevel
	if t.told.Worse(before) {
		level = zapcore.WarnLevel
	}
	t.logger.Log(level, "Health status changed", zap.String("event.name", statusChanged), zap.String("old", string(before)),
		zap.String("new", string(t.told)), zap.String("reason", reason(t.latest, occasion)))
}

// reason explains a status: by what happened, by what is wrong, or by nothing
// being wrong any more.
func reason(r verdict.Report, occasion string) string {
	var reasons []string
	if occasion != "" {
		reasons = append(reasons, occasion)
	}
	for _, list := range [][]verdict.Reason{r.Details.EventPipeline, r.Details.StateBackend, r.Details.QueryRuntime} {
		for _, one := range list {
			reasons = append(reasons, one.String())
		}
	}
	if len(reasons) == 0 {
		return "nothing is wrong any more"
	}
	return strings.Join(reasons, "; ")
}

func (t *telemetry) observe(do func(metric.Int64Observer, verdict.Report)) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		t.mu.Lock()
		latest := t.latest
		latest.Status = t.told
		t.mu.Unlock()
		do(o, latest)
		return nil
	}
}

// observeStatus reports each status, at zero too, so that an alert has a
// series before the first trouble.
func observeStatus(o metric.Int64Observer, r verdict.Report) {
	for _, s := range verdict.Statuses {
		o.Observe(flag(s == r.Status), metric.WithAttributes(attribute.String("status", string(s))))
	}
}

func observeChecks(o metric.Int64Observer, r verdict.Report) {
	for name, result := range map[string]verdict.Check{
		"event_pipeline": r.Checks.EventPipeline,
		"state_backend":  r.Checks.StateBackend,
		"query_runtime":  r.Checks.QueryRuntime,
	} {
		for _, c := range verdict.AllChecks {
			o.Observe(flag(c == result), metric.WithAttributes(
				attribute.String("check", name), attribute.String("result", string(c))))
		}
	}
}

func observeDestinations(o metric.Int64Observer, r verdict.Report) {
	o.Observe(int64(r.Destinations.OK), metric.WithAttributes(attribute.String("state", "ok")))
	o.Observe(int64(r.Destinations.Failing), metric.WithAttributes(attribute.String("state", "failing")))
}

func observeEngines(o metric.Int64Observer, r verdict.Report) {
	for state, count := range map[engineview.State]int64{
		engineview.StateUp:       r.Engines.Up,
		engineview.StateSilent:   r.Engines.Silent,
		engineview.StateShutdown: r.Engines.Shutdown,
	} {
		o.Observe(count, metric.WithAttributes(attribute.String("state", state.String())))
	}
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
