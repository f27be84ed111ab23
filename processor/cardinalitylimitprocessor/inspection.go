// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/offenders"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/tenant"
)

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
