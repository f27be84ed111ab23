// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/internal/heartbeat"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/ledger"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/offenders"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rank"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/tenant"
)

// limiter is the processor of one pipeline. Its methods may be called concurrently.
type limiter struct {
	id     component.ID
	next   consumer.Metrics
	now    func() time.Time
	logger *zap.Logger

	// what the configuration says and cannot change later
	cfg          *Config
	ttl          time.Duration
	byClient     bool // tenants are told by client metadata
	entities     bool // entities take places, not series
	observesOnly bool // no point is taken out or changed
	onMemoryCap  string
	maxOverflow  int

	policy   atomic.Pointer[policy]
	hasher   *identity.Hasher
	tenants  *tenant.Directory
	table    *budget.Table // series
	values   *budget.Table // values of attributes
	board    *offenders.Board
	ranks    *rank.Board
	ledger   *ledger.Ledger
	overflow overflow
	released atomic.Uint64 // when a place was last given back by a point that said so
	tel      *telemetry
	warn     *warner

	draining   atomic.Bool    // nothing is to be held back any more
	storage    storage.Client // nil without one
	restored   chan struct{}  // closed when all that was stored is known again
	seed       identity.Seed
	unregister func() // from the extension that shows offenders

	stop    chan struct{}
	stopped sync.WaitGroup
	once    sync.Once
}

var _ processor.Metrics = (*limiter)(nil)

func newLimiter(set processor.Settings, cfg *Config, next consumer.Metrics) (*limiter, error) {
	return newLimiterAt(set, cfg, next, time.Now)
}

func newLimiterAt(set processor.Settings, cfg *Config, next consumer.Metrics, now func() time.Time) (*limiter, error) {
	overflow, err := newOverflow(set, cfg.Overflow)
	if err != nil {
		return nil, err
	}
	policy, err := newPolicy(cfg)
	if err != nil {
		return nil, err
	}
	start := now()
	seed := identity.NewSeed()
	hasher := identity.New(seed)
	l := &limiter{
		id:           set.ID,
		next:         next,
		now:          now,
		logger:       set.Logger,
		cfg:          cfg,
		ttl:          cfg.SeriesTTL,
		byClient:     len(cfg.Tenant.ClientMetadata) > 0,
		entities:     cfg.Count == countEntities,
		observesOnly: policy.rules.ObservesOnly() && cfg.OverridesFile == "",
		onMemoryCap:  cfg.OnMemoryCap,
		maxOverflow:  cfg.Overflow.MaxSeriesPerMetric,
		hasher:       hasher,
		tenants:      tenant.NewDirectory(cfg.Tenant.keys(), cfg.MaxTenants, hasher),
		table:        budget.New(policy.limits, start),
		values:       budget.New(policy.valueLimits(), start),
		board: offenders.New(offenders.Options{
			Cases:     cfg.Offenders.MaxMetrics,
			Redaction: redactions[cfg.Offenders.Samples],
		}, start),
		ranks: rank.New(rankedMetrics, rankWindow),
		ledger: ledger.New(ledger.Limits{
			Streams:         cfg.Overflow.MaxSeries,
			StreamsPerGroup: cfg.Overflow.MaxSeriesPerMetric,
			Sources:         cfg.MaxFoldedSources,
			FlushInterval:   cfg.Overflow.FlushInterval,
		}, pcommon.NewTimestampFromTime(start)),
		overflow:   overflow,
		seed:       seed,
		restored:   make(chan struct{}),
		unregister: func() {},
		warn:       newWarner(set.Logger, cfg),
		stop:       make(chan struct{}),
	}
	l.policy.Store(policy)
	if l.tel, err = newTelemetry(set, cfg, l); err != nil {
		return nil, err
	}
	return l, nil
}

const (
	// rankedMetrics is how many metrics may be ranked at once (keep: heaviest).
	rankedMetrics = 100
	// rankWindow is how long weights are collected before places change hands.
	rankWindow = time.Minute
)

// Capabilities says that points over the limit are taken out of the batch, unless no rule
// does more than observe.
func (l *limiter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: !l.observesOnly}
}

// Start takes up what an earlier run stored, and begins what runs beside the batches.
func (l *limiter) Start(ctx context.Context, host component.Host) error {
	if err := l.restore(ctx, host); err != nil {
		return err
	}
	overrides := overridesFile{cfg: l.cfg, logger: l.logger, enforce: l.enforce, count: l.tel.reloads.count}
	if err := overrides.watch(&l.stopped, l.stop); err != nil {
		return err
	}
	unregister, err := register(host, l.cfg.HealthExtension, l.id, l)
	if err != nil {
		return err
	}
	l.unregister = unregister
	if interval := l.ledger.FlushInterval(); interval > 0 {
		turning, stopped := l.watched(host, interval)
		l.unregister = func() { stopped(); unregister() }
		l.stopped.Go(func() { l.flushEvery(interval, turning) })
	}
	return nil
}

// watched makes the extension, if one is named, watch the loop that flushes.
func (l *limiter) watched(host component.Host, interval time.Duration) (heartbeat.Loop, func()) {
	var extension any
	if l.cfg.HealthExtension != nil {
		extension = host.GetExtensions()[*l.cfg.HealthExtension]
	}
	return heartbeat.Register(extension, l.id, "flush", interval)
}

// ConsumeMetrics takes out what is over the limit and hands on the rest.
func (l *limiter) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	now := l.now()
	at := l.table.Tick(now)
	l.expire(ctx, now, at)

	s := l.newSieve(now, at)
	defer s.done()
	s.metrics(ctx, md)
	l.tel.record(ctx, &s.tally)
	return l.forward(ctx, md, s.excess, now)
}

// Shutdown hands on what still waits. It is safe before Start and safe to call twice.
func (l *limiter) Shutdown(ctx context.Context) error {
	l.unregister()
	l.once.Do(func() { close(l.stop) })
	l.stopped.Wait()
	l.flush(ctx, true)
	if l.storage != nil {
		l.tel.shutdown()
		return l.closeStorage(ctx) // with what could not be handed on
	}
	if lost := l.ledger.Discard(); lost > 0 {
		l.logger.Error("Folded points could not be handed on before shutdown and are lost", zap.Int("points", lost))
		l.tel.lost(ctx, lost, shutdown)
	}
	l.tel.shutdown()
	return nil
}

func (l *limiter) flushEvery(interval time.Duration, loop heartbeat.Loop) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		l.table.Usage() // with the locks that every batch needs
		l.ledger.Usage()
		loop.Turn()
		select {
		case <-ticker.C:
			loop.Away() // with the next component
			l.flush(context.Background(), false)
		case <-l.stop:
			return
		}
	}
}

func (l *limiter) expire(ctx context.Context, now time.Time, at budget.Tick) {
	forgotten, looked := l.table.Sweep(at)
	if !looked {
		return
	}
	l.values.Sweep(at)
	before := now.Add(-l.ttl)
	l.tenants.Expire(before)
	l.ranks.Expire(before)
	l.ledger.Expire(pcommon.NewTimestampFromTime(before))
	l.tel.expired(ctx, forgotten)
}
