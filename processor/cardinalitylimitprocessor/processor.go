// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
)

// limiter is the processor of one pipeline. Its methods may be called concurrently.
type limiter struct {
	next   consumer.Metrics
	ttl    time.Duration
	now    func() time.Time
	logger *zap.Logger

	hasher   identity.Hasher
	table    *budget.Table
	ledger   *fold.Ledger
	overflow overflow
	tel      *telemetry
	warn     *warner
}

var _ processor.Metrics = (*limiter)(nil)

func newLimiter(set processor.Settings, cfg *Config, next consumer.Metrics) (*limiter, error) {
	return newLimiterAt(set, cfg, next, time.Now)
}

func newLimiterAt(set processor.Settings, cfg *Config, next consumer.Metrics, now func() time.Time) (*limiter, error) {
	overflow, err := newOverflow(set)
	if err != nil {
		return nil, err
	}
	start := now()
	l := &limiter{
		next:   next,
		ttl:    cfg.SeriesTTL,
		now:    now,
		logger: set.Logger,
		hasher: identity.New(),
		table: budget.New(budget.Limits{
			SeriesPerMetric: cfg.MaxSeriesPerMetric,
			Series:          cfg.MaxSeries,
			Metrics:         cfg.MaxMetrics,
			TTL:             cfg.SeriesTTL,
		}, start),
		ledger:   fold.NewLedger(cfg.MaxMetrics, pcommon.NewTimestampFromTime(start)),
		overflow: overflow,
		warn:     newWarner(set.Logger, cfg),
	}
	if l.tel, err = newTelemetry(set, cfg, l.table.Usage, l.ledger.Held); err != nil {
		return nil, err
	}
	return l, nil
}

// Capabilities says that points over the limit are taken out of the batch.
func (l *limiter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// Start has nothing to start: series expire when batches arrive.
func (l *limiter) Start(context.Context, component.Host) error {
	return nil
}

// ConsumeMetrics takes out what is over the limit and hands on the rest.
func (l *limiter) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	now := l.now()
	at := l.table.Tick(now)
	l.expire(ctx, now, at)

	s := sieve{limiter: l, at: at, now: now}
	s.metrics(md)
	l.tel.record(ctx, &s.tally)
	return l.forward(ctx, md, s.excess, now)
}

// Shutdown hands on what still waits. It is safe before Start and safe to call twice.
func (l *limiter) Shutdown(ctx context.Context) error {
	l.flush(ctx)
	if lost := l.ledger.Discard(); lost > 0 {
		l.logger.Error("Folded points could not be handed on before shutdown and are lost", zap.Int("points", lost))
		l.tel.lost(ctx, lost)
	}
	l.tel.shutdown()
	return nil
}

func (l *limiter) expire(ctx context.Context, now time.Time, at budget.Tick) {
	forgotten, looked := l.table.Expire(at)
	if !looked {
		return
	}
	l.tel.expired(ctx, forgotten)
	l.ledger.Expire(pcommon.NewTimestampFromTime(now.Add(-l.ttl)))
}
