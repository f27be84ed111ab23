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
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadata"
)

// listed is how many tenants and metrics have gauges of their own: those with most series.
const listed = 20

// telemetry is the only place that touches instruments.
type telemetry struct {
	builder *metadata.TelemetryBuilder

	reloads reloads
	plain   []metric.AddOption
	out     [outcomes][reasons][]metric.AddOption
}

func newTelemetry(set processor.Settings, cfg *Config, l *limiter) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	id := attribute.String("processor", set.ID.String())
	option := func(attributes ...attribute.KeyValue) []metric.AddOption {
		return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(append(attributes, id)...))}
	}
	t := &telemetry{
		builder: builder,
		reloads: newReloads(builder, id),
		plain:   option(),
	}
	for o := range t.out {
		t.out[o][noReason] = option(attribute.String("outcome", outcomeNames[o]))
		for r := noReason + 1; r < reasons; r++ {
			t.out[o][r] = option(attribute.String("outcome", outcomeNames[o]), attribute.String("reason", reasonNames[r]))
		}
	}
	return t, errors.Join(t.observe(id, cfg, l), t.observeListed(id, l))
}

// observe registers what is read when somebody asks.
func (t *telemetry) observe(id attribute.KeyValue, cfg *Config, l *limiter) error {
	plain := metric.WithAttributeSet(attribute.NewSet(id))
	read := func(read func() int) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(read()), plain)
			return nil
		}
	}
	limits := func() budget.Limits { return l.policy.Load().limits }
	b := t.builder
	return errors.Join(
		b.RegisterCardinalityLimitFoldedSourcesCallback(read(func() int { return l.ledger.Usage().Sources })),
		b.RegisterCardinalityLimitFoldedSourcesLimitCallback(read(func() int { return cfg.MaxFoldedSources })),
		b.RegisterCardinalityLimitMetricsFullCallback(read(func() int { return l.table.Usage().MetricsFull })),
		b.RegisterCardinalityLimitMetricsLimitCallback(read(func() int { return limits().Metrics })),
		b.RegisterCardinalityLimitMetricsTrackedCallback(read(func() int { return l.table.Usage().Metrics })),
		b.RegisterCardinalityLimitOffendersEvictedCallback(read(func() int { return int(l.board.Evicted()) })),
		b.RegisterCardinalityLimitOverflowPointsHeldCallback(read(func() int { return l.ledger.Usage().Held })),
		b.RegisterCardinalityLimitOverflowSeriesCallback(read(func() int { return l.ledger.Usage().Streams })),
		b.RegisterCardinalityLimitOverflowSeriesLimitCallback(read(func() int { return cfg.Overflow.MaxSeries })),
		b.RegisterCardinalityLimitSeriesAddedCallback(read(func() int { return int(l.table.Churn().Added) })),
		b.RegisterCardinalityLimitSeriesLimitCallback(read(func() int { return limits().Series })),
		b.RegisterCardinalityLimitSeriesPerMetricLimitCallback(read(func() int { return limits().SeriesPerMetric })),
		b.RegisterCardinalityLimitSeriesPerTenantLimitCallback(read(func() int { return limits().SeriesPerTenant })),
		b.RegisterCardinalityLimitSeriesReleasedCallback(read(func() int { return int(l.table.Churn().Released) })),
		b.RegisterCardinalityLimitSeriesTrackedCallback(read(func() int { return l.table.Usage().Series })),
		b.RegisterCardinalityLimitTenantsFullCallback(read(func() int { return l.table.Usage().TenantsFull })),
		b.RegisterCardinalityLimitTenantsLimitCallback(read(func() int { return limits().Tenants - 1 })),
		b.RegisterCardinalityLimitTenantsTrackedCallback(read(func() int { return l.table.Usage().Tenants })),
		b.RegisterCardinalityLimitValuesTrackedCallback(read(func() int { return l.values.Usage().Series })),
	)
}

// observeListed registers gauges for the few tenants and metrics that have most.
func (t *telemetry) observeListed(id attribute.KeyValue, l *limiter) error {
	return errors.Join(
		t.builder.RegisterCardinalityLimitTenantSeriesCallback(func(_ context.Context, o metric.Int64Observer) error {
			for _, use := range l.table.Tenants(listed) {
				o.Observe(int64(use.Series), metric.WithAttributes(id, attribute.String("tenant", l.tenants.Name(use.Tenant))))
			}
			return nil
		}),
		t.builder.RegisterCardinalityLimitSeriesDemandCallback(func(_ context.Context, o metric.Int64Observer) error {
			for _, m := range l.offenders(listed, nil).Metrics {
				o.Observe(int64(m.Demand), metric.WithAttributes(id,
					attribute.String("tenant", m.Tenant), attribute.String("metric", m.Metric)))
			}
			return nil
		}),
	)
}

func (t *telemetry) record(ctx context.Context, batch *tally) {
	t.builder.CardinalityLimitPointsIn.Add(ctx, int64(batch.points()), t.plain...)
	for o := range batch {
		for r, n := range batch[o] {
			if n > 0 {
				t.builder.CardinalityLimitPointsOut.Add(ctx, int64(n), t.out[o][r]...)
			}
		}
	}
}

// lost counts points that were folded, and counted as such, and then lost after all.
func (t *telemetry) lost(ctx context.Context, points int, why reason) {
	if points > 0 {
		t.builder.CardinalityLimitPointsOut.Add(ctx, int64(points), t.out[dropped][why]...)
	}
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

// reloads counts overrides files that were read, of all signals.
type reloads struct {
	builder            *metadata.TelemetryBuilder
	accepted, rejected metric.AddOption
}

func newReloads(builder *metadata.TelemetryBuilder, id attribute.KeyValue) reloads {
	option := func(result string) metric.AddOption {
		return metric.WithAttributeSet(attribute.NewSet(id, attribute.String("result", result)))
	}
	return reloads{builder: builder, accepted: option("accepted"), rejected: option("rejected")}
}

// count takes what was wrong with the file.
func (r *reloads) count(err error) {
	option := r.accepted
	if err != nil {
		option = r.rejected
	}
	r.builder.CardinalityLimitOverridesReloads.Add(context.Background(), 1, option)
}
