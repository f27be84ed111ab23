// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadata"
)

// tally counts what happened to the points of one batch.
type tally struct {
	passed  int
	folded  [verdicts]int // by budget.Verdict
	dropped [fold.Reasons]int
}

const verdicts = budget.MetricLimit + 1

func (t *tally) points() int {
	n := t.passed
	for _, k := range t.folded {
		n += k
	}
	for _, k := range t.dropped {
		n += k
	}
	return n
}

// telemetry is the only place that touches instruments.
type telemetry struct {
	builder *metadata.TelemetryBuilder

	plain    []metric.AddOption
	passed   []metric.AddOption
	folded   [verdicts][]metric.AddOption
	dropped  [fold.Reasons][]metric.AddOption
	shutDown []metric.AddOption
}

func newTelemetry(set processor.Settings, cfg *Config, usage func() budget.Usage, held func() int) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	id := attribute.String("processor", set.ID.String())
	option := func(attributes ...attribute.KeyValue) []metric.AddOption {
		return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(append(attributes, id)...))}
	}
	outcome := func(outcome, reason string) []metric.AddOption {
		return option(attribute.String("outcome", outcome), attribute.String("reason", reason))
	}
	t := &telemetry{
		builder:  builder,
		plain:    option(),
		passed:   option(attribute.String("outcome", "passed")),
		shutDown: outcome("dropped", "shutdown"),
	}
	t.folded[budget.MetricFull] = outcome("folded", "metric_full")
	t.folded[budget.TableFull] = outcome("folded", "table_full")
	for r := range fold.Reason(fold.Reasons) {
		t.dropped[r] = outcome("dropped", r.String())
	}
	return t, t.observe(metric.WithAttributeSet(attribute.NewSet(id)), cfg, usage, held)
}

// observe registers what is read when somebody asks.
func (t *telemetry) observe(id metric.ObserveOption, cfg *Config, usage func() budget.Usage, held func() int) error {
	gauge := func(read func() int) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(read()), id)
			return nil
		}
	}
	b := t.builder
	return errors.Join(
		b.RegisterCardinalityLimitSeriesTrackedCallback(gauge(func() int { return usage().Series })),
		b.RegisterCardinalityLimitMetricsTrackedCallback(gauge(func() int { return usage().Metrics })),
		b.RegisterCardinalityLimitMetricsFullCallback(gauge(func() int { return usage().MetricsFull })),
		b.RegisterCardinalityLimitSeriesLimitCallback(gauge(func() int { return cfg.MaxSeries })),
		b.RegisterCardinalityLimitSeriesPerMetricLimitCallback(gauge(func() int { return cfg.MaxSeriesPerMetric })),
		b.RegisterCardinalityLimitMetricsLimitCallback(gauge(func() int { return cfg.MaxMetrics })),
		b.RegisterCardinalityLimitOverflowPointsHeldCallback(gauge(held)),
	)
}

func (t *telemetry) record(ctx context.Context, batch *tally) {
	t.builder.CardinalityLimitPointsIn.Add(ctx, int64(batch.points()), t.plain...)
	t.out(ctx, batch.passed, t.passed)
	for verdict, n := range batch.folded {
		t.out(ctx, n, t.folded[verdict])
	}
	for reason, n := range batch.dropped {
		t.out(ctx, n, t.dropped[reason])
	}
}

func (t *telemetry) out(ctx context.Context, n int, as []metric.AddOption) {
	if n > 0 {
		t.builder.CardinalityLimitPointsOut.Add(ctx, int64(n), as...)
	}
}

// lost counts points that were folded and could not be handed on until the end.
func (t *telemetry) lost(ctx context.Context, points int) {
	t.out(ctx, points, t.shutDown)
}

func (t *telemetry) written(ctx context.Context, overflowPoints int) {
	t.builder.CardinalityLimitOverflowPointsWritten.Add(ctx, int64(overflowPoints), t.plain...)
}

func (t *telemetry) expired(ctx context.Context, series int) {
	if series > 0 {
		t.builder.CardinalityLimitSeriesExpired.Add(ctx, int64(series), t.plain...)
	}
}

func (t *telemetry) shutdown() {
	t.builder.Shutdown()
}
