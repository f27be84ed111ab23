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
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/offenders"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/tenant"
)

// recordMarker marks a log record or a span of which an attribute was replaced or removed,
// be it one of an event or a link.
const recordMarker = "cardinality_limit.overflow"

// recordLimiter bounds the values of the attributes of the records of one pipeline: of its
// log records or its spans. Its methods may be called concurrently.
type recordLimiter struct {
	id     component.ID
	signal string
	cfg    *Config
	now    func() time.Time

	policy       atomic.Pointer[recordPolicy]
	observesOnly bool // no record is changed
	replacement  string

	hasher  *identity.Hasher
	tenants *tenant.Directory
	values  *budget.Table // owners are keys of tenants
	board   *offenders.Board
	tel     *recordTelemetry
	warn    *warner

	logger     *zap.Logger
	seed       identity.Seed
	storage    storage.Client // nil without one
	restored   chan struct{}  // closed when all that was stored is known again
	unregister func()         // from the extension that shows offenders

	stop    chan struct{}
	stopped sync.WaitGroup
	once    sync.Once
}

const (
	signalLogs   = "logs"
	signalTraces = "traces"
)

func newRecordLimiter(set processor.Settings, cfg *Config, signal string, now func() time.Time) (*recordLimiter, error) {
	policy, err := newRecordPolicy(cfg)
	if err != nil {
		return nil, err
	}
	start := now()
	seed := identity.NewSeed()
	hasher := identity.New(seed)
	l := &recordLimiter{
		id:           set.ID,
		signal:       signal,
		cfg:          cfg,
		now:          now,
		observesOnly: policy.rules.ObservesOnly() && cfg.OverridesFile == "",
		replacement:  cfg.Overflow.AttributeValue,
		hasher:       hasher,
		tenants:      tenant.NewDirectory(cfg.Tenant.keys(), cfg.MaxTenants, hasher),
		values:       budget.New(policy.limits, start),
		board: offenders.New(offenders.Options{
			Cases:     cfg.Offenders.MaxMetrics,
			Redaction: redactions[cfg.Offenders.Samples],
		}, start),
		warn:       newWarner(set.Logger, cfg),
		logger:     set.Logger,
		seed:       seed,
		restored:   make(chan struct{}),
		unregister: func() {},
		stop:       make(chan struct{}),
	}
	l.policy.Store(policy)
	l.tel, err = newRecordTelemetry(set, l)
	return l, err
}

// recordPolicy is what of a configuration may change while the limiter runs.
type recordPolicy struct {
	limits budget.Limits
	rules  *rule.Keys
}

func newRecordPolicy(cfg *Config) (*recordPolicy, error) {
	rules, err := cfg.Attributes.rules()
	if err != nil {
		return nil, err
	}
	return &recordPolicy{rules: rules, limits: budget.Limits{
		Series:          cfg.Attributes.MaxValues,
		SeriesPerTenant: cfg.Attributes.perTenant(),
		SeriesPerMetric: cfg.Attributes.MaxValuesPerAttribute,
		Tenants:         cfg.MaxTenants + 1, // the one that further tenants share
		Metrics:         cfg.Attributes.MaxAttributes,
		Lend:            cfg.LendUntil,
		TTL:             cfg.SeriesTTL,
	}}, nil
}

// Capabilities says that records are changed, unless no rule does more than observe.
func (l *recordLimiter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: !l.observesOnly}
}

// Start takes up what an earlier run stored.
func (l *recordLimiter) Start(ctx context.Context, host component.Host) (err error) {
	if err = l.restore(ctx, host); err != nil {
		return err
	}
	overrides := overridesFile{cfg: l.cfg, logger: l.logger, enforce: l.enforce, count: l.tel.reloads.count}
	if err = overrides.watch(&l.stopped, l.stop); err != nil {
		return err
	}
	l.unregister, err = register(host, l.cfg.HealthExtension, l.id, l)
	return err
}

// Shutdown is safe before Start and safe to call twice.
func (l *recordLimiter) Shutdown(ctx context.Context) error {
	l.once.Do(func() { close(l.stop) })
	l.stopped.Wait()
	l.unregister()
	l.tel.shutdown()
	return l.closeStorage(ctx)
}

// logsLimiter is the processor of a pipeline of logs.
type logsLimiter struct {
	*recordLimiter
	next consumer.Logs
}

var _ processor.Logs = (*logsLimiter)(nil)

// ConsumeLogs bounds the attributes of the log records and hands all of them on.
func (l *logsLimiter) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	s := l.inspect(ctx)
	for _, rl := range ld.ResourceLogs().All() {
		s.enter(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				s.logRecord(record)
			}
		}
	}
	s.done(ctx)
	return l.next.ConsumeLogs(ctx, ld)
}

// tracesLimiter is the processor of a pipeline of traces.
type tracesLimiter struct {
	*recordLimiter
	next consumer.Traces
}

var _ processor.Traces = (*tracesLimiter)(nil)

// ConsumeTraces bounds the attributes of the spans and hands all of them on.
func (l *tracesLimiter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	s := l.inspect(ctx)
	for _, rs := range td.ResourceSpans().All() {
		s.enter(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				s.span(span)
			}
		}
	}
	s.done(ctx)
	return l.next.ConsumeTraces(ctx, td)
}
