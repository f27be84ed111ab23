// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
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
	overrides := overridesFile{cfg: l.cfg, logger: l.logger, enforce: l.enforce, count: l.tel.reloaded}
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

// inspection goes through the records of one batch.
type inspection struct {
	*recordLimiter
	rules *rule.Keys
	at    budget.Tick
	now   time.Time

	tally          recordTally
	shared, tenant *tenant.Tenant // shared: of the whole batch, nil if each resource has its own
	changed        bool           // the record in hand
	observed       bool           // a value of the record in hand has no place and stays

	keys [keySlots]keySight
	pair [1]offenders.Pair
}

// keySight is what is known of a key that was seen in this batch.
type keySight struct {
	name   string
	print  uint64
	rule   *rule.Key
	known  uint64 // value that was last found to have a place: most records repeat most values
	warned uint64 // for which tenant last
}

// keySlots is how many keys are remembered during a batch, each in the one slot where it
// may be.
const keySlots = 128

var inspections = sync.Pool{New: func() any { return new(inspection) }}

// inspect returns an inspection of one batch, which is to be let go with done.
func (l *recordLimiter) inspect(ctx context.Context) *inspection {
	now := l.now()
	at := l.values.Tick(now)
	if _, looked := l.values.Sweep(at); looked {
		l.tenants.Expire(now.Add(-l.cfg.SeriesTTL))
	}
	s := inspections.Get().(*inspection)
	s.recordLimiter, s.rules, s.at, s.now = l, l.policy.Load().rules, at, now
	if len(l.cfg.Tenant.ClientMetadata) > 0 {
		s.shared = l.tenants.OfClient(client.FromContext(ctx).Metadata.Get, now)
	}
	return s
}

// done counts, forgets the batch and lets another one use the inspection.
func (s *inspection) done(ctx context.Context) {
	s.tel.record(ctx, &s.tally)
	*s = inspection{}
	inspections.Put(s)
}

// enter prepares for what is under a resource.
func (s *inspection) enter(resource pcommon.Map) {
	s.tenant = s.shared
	if s.tenant == nil {
		s.tenant = s.tenants.OfResource(resource, s.now)
	}
}

func (s *inspection) logRecord(record plog.LogRecord) {
	if removed := s.limit(record.Attributes()); removed > 0 {
		record.SetDroppedAttributesCount(record.DroppedAttributesCount() + removed)
	}
	s.settle(record.Attributes())
}

func (s *inspection) span(span ptrace.Span) {
	if removed := s.limit(span.Attributes()); removed > 0 {
		span.SetDroppedAttributesCount(span.DroppedAttributesCount() + removed)
	}
	for _, event := range span.Events().All() {
		if removed := s.limit(event.Attributes()); removed > 0 {
			event.SetDroppedAttributesCount(event.DroppedAttributesCount() + removed)
		}
	}
	for _, link := range span.Links().All() {
		if removed := s.limit(link.Attributes()); removed > 0 {
			link.SetDroppedAttributesCount(link.DroppedAttributesCount() + removed)
		}
	}
	s.settle(span.Attributes())
}

// settle ends a record: it marks it if it was changed, and counts it.
func (s *inspection) settle(attributes pcommon.Map) {
	switch {
	case s.changed:
		attributes.PutBool(recordMarker, true)
		s.tally.records[changedRecord]++
	case s.observed:
		s.tally.records[observedRecord]++
	default:
		s.tally.records[passedRecord]++
	}
	s.changed, s.observed = false, false
}

// limit goes through the attributes of a part of the record in hand and returns how many it
// removed. Records that are only observed may be shared with others and are not touched.
func (s *inspection) limit(attributes pcommon.Map) (removed uint32) {
	if s.observesOnly {
		for key, value := range attributes.All() {
			s.over(key, value)
		}
		return 0
	}
	had := attributes.Len()
	attributes.RemoveIf(s.over)
	return uint32(had - attributes.Len())
}

// over returns whether an attribute is to be removed, and replaces its value if that is
// what becomes of it.
func (s *inspection) over(name string, value pcommon.Value) bool {
	key := s.sight(name)
	if key.rule.Exempt || s.placeless(value) {
		s.tally.values[exemptValue][noReason]++
		return false
	}
	owner := budget.Owner{Tenant: s.tenant.Key, Metric: key.print, Limit: key.rule.Values}
	pair := s.hasher.Pair(name, value)
	member := identity.Mix(pair ^ owner.Metric ^ owner.Tenant)
	if member == key.known {
		s.tally.values[passedValue][noReason]++
		return false
	}
	verdict := s.values.Admit(owner, member, s.at)
	if verdict.Admitted() {
		key.known = member
		s.tally.values[passedValue][noReason]++
		return false
	}
	why := ofKeyVerdict(verdict)
	s.blame(key, member, pair, value)
	s.announce(key, owner, why)
	switch key.rule.Action {
	case rule.KeyObserve:
		s.observed = true
		s.tally.values[observedValue][why]++
		return false
	case rule.KeyDrop:
		s.changed = true
		s.tally.values[droppedValue][why]++
		return true
	default:
		s.changed = true
		s.tally.values[replacedValue][why]++
		value.SetStr(s.replacement)
		return false
	}
}

// placeless reports whether a value takes no place: there is none, or it stands for those
// that another limiter refused.
func (s *inspection) placeless(value pcommon.Value) bool {
	switch value.Type() {
	case pcommon.ValueTypeEmpty:
		return true
	case pcommon.ValueTypeStr:
		return value.Str() == s.replacement
	default:
		return false
	}
}

var exemptKey = &rule.Key{Exempt: true}

// sight returns what is known of a key, good until the next call.
func (s *inspection) sight(name string) *keySight {
	key := &s.keys[slotOf(name)]
	if key.rule != nil && key.name == name {
		return key
	}
	*key = keySight{name: name, print: identity.Mix(s.hasher.Text(name)), rule: s.rules.Of(name)}
	if name == recordMarker {
		key.rule = exemptKey
	}
	return key
}

// slotOf tells keys apart that differ in length or at an end, which is most.
func slotOf(name string) int {
	n := len(name)
	if n == 0 {
		return 0
	}
	return (7*n + 3*int(name[n-1]) + int(name[0])) % keySlots
}

// blame tells the board of a value that was refused.
func (s *inspection) blame(key *keySight, member, pair uint64, value pcommon.Value) {
	of := &offenders.Case{
		Tenant: s.tenant.Key, TenantName: s.tenant.Name,
		Metric: key.print, MetricName: key.name,
	}
	if s.board.Again(of, member, s.now) {
		return
	}
	s.pair[0] = offenders.Pair{Key: key.name, Hash: pair, Value: sampleOf(value)}
	s.board.Refused(of, member, pair, s.pair[:], s.now)
}

// announce warns of a key of a tenant the first time that it is over a limit.
func (s *inspection) announce(key *keySight, owner budget.Owner, why reason) {
	if key.warned == owner.Tenant {
		return
	}
	key.warned = owner.Tenant
	if s.values.Announce(owner) {
		s.warn.valuesFull(s.signal, s.tenant.Name, key.name, why, key.rule, s.now)
	}
}
