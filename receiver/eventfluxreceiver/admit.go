// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"iter"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/pulse"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

// Names that the receiver reads on the way. They are fixed by the conventions
// that engines follow.
const (
	metricActiveQueries  = "query.active.count"
	metricStreamReceived = "stream.events.received"
	metricHealthStatus   = "eventflux.health.status"
	metricUptime         = "eventflux.uptime"
	metricMemory         = "process.memory.usage"
	stateShuttingDown    = "shutting_down"
	enginePrefix         = "eventflux."
	attrStream           = "stream.name"
	attrHealthCheck      = "eventflux.health.check"
	attrHealthState      = "eventflux.health.state"
	attrOverflow         = "otel.metric.overflow"
)

// identify completes the identity of one resource and counts what was missing.
func (r *eventfluxReceiver) identify(ctx context.Context, from server.Origin, res pcommon.Resource) contract.Identity {
	id := contract.Identify(res.Attributes(), from.Peer)
	r.tel.assigned(ctx, id)
	return id
}

// sender is who sent one resource of a request, and what its metrics say of the
// process behind it.
type sender struct {
	key     engines.Identity
	id      contract.Identity
	from    server.Origin
	now     time.Time
	process engines.Process
	newest  pcommon.Timestamp
	listed  bool // by one of its metrics already
}

// sender completes the identity of one resource.
func (r *eventfluxReceiver) sender(ctx context.Context, from server.Origin, res pcommon.Resource, now time.Time) *sender {
	id := r.identify(ctx, from, res)
	return &sender{
		key: engines.Identity{Namespace: id.Namespace, Name: id.Name, Instance: id.Instance},
		id:  id, from: from, now: now, process: engines.Process{PID: id.PID},
	}
}

// admitMetrics completes identities and notes which engines are there and what
// they run. Only metrics make a sender an engine: agents and hosts forward
// traces and logs of other programs through the same door.
func (r *eventfluxReceiver) admitMetrics(ctx context.Context, from server.Origin, md pmetric.Metrics, now time.Time) (all admission) {
	all.signal = metricSignal
	for _, rm := range md.ResourceMetrics().All() {
		s := r.sender(ctx, from, rm.Resource(), now)
		said := listen(rm)
		r.heed(ctx, said, s, rm)
		var did contract.Report
		r.policy.Rename(rm, r.list.Has(s.key), &did)
		trusted := !said.alone && !r.contested(ctx, s)
		if trusted {
			r.list.Touch(s.key, s.id.Version, now)
		}
		for _, sm := range rm.ScopeMetrics().All() {
			ours := sm.Scope().Name() == pulse.ScopeName
			for _, m := range sm.Metrics().All() {
				if !ours && trusted {
					r.observe(s, m)
				}
			}
		}
		names, engine := r.list.Names(s.key)
		if !trusted {
			names = nil // what it calls its metrics is not to change those of the engine
		}
		r.policy.Distinguish(rm, names, &did)
		r.policy.CheckMetrics(rm, engine, &did)
		r.keepTime(s.key, rm, now, &did)
		points := countPoints(rm)
		r.checked(ctx, s.key, &did, trusted, now, points, &all)
		if trusted {
			r.heard(s)
			r.account(ctx, s, rm.Resource().Attributes())
			r.learn(ctx, s, rm, points)
			r.contested(ctx, s) // a new engine is the sender's from now on
			if engine {
				r.catchUp(s.key, now)
			}
		}
	}
	r.heart.changed()
	return all
}

// heard binds the engine to its connection, unless an agent holds it.
func (r *eventfluxReceiver) heard(s *sender) {
	if s.from.SDK {
		r.bind(r.list, s)
	}
}

func (r *eventfluxReceiver) ended(on *server.Connection, now time.Time) {
	conclusive := r.conclusive && !r.leaver.lettingGo.Load()
	r.list.Ended(engines.Connection(on.ID), conclusive, now)
	r.agents.Ended(engines.Connection(on.ID), conclusive, now)
	r.heart.changed()
}

func (r *eventfluxReceiver) observe(s *sender, m pmetric.Metric) {
	switch name := m.Name(); {
	case folded(m), endsSeries(m):
		// An agent's limiter made it, of many engines or none; or an agent ended it.
	case name == metricActiveQueries:
		r.add(s)
		for _, p := range numbers(m).All() {
			r.list.Queries(s.key, p.IntValue())
			s.measure(m, p)
		}
	case name == metricStreamReceived:
		r.list.Streams(s.key, streams(m), s.now)
	case name == metricHealthStatus:
		r.add(s)
		r.observeHealth(s, m)
	case name == metricUptime:
		r.add(s)
		for _, p := range numbers(m).All() {
			s.uptime(p)
		}
	case name == metricMemory: // other software has it, too, and is not on the list
		for _, p := range numbers(m).All() {
			r.list.Memory(s.key, int64(number(p)))
		}
	case strings.HasPrefix(name, enginePrefix):
		r.add(s)
	}
}

// streams returns the names of the streams that the points are of.
func streams(m pmetric.Metric) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, p := range numbers(m).All() {
			if stream, ok := p.Attributes().Get(attrStream); ok && !yield(stream.Str()) {
				return
			}
		}
	}
}

// observeHealth notes which state each check of the engine is in: the point of
// that state is 1, the others are 0.
func (r *eventfluxReceiver) observeHealth(s *sender, m pmetric.Metric) {
	for _, p := range numbers(m).All() {
		if p.IntValue() != 1 && p.DoubleValue() != 1 {
			continue
		}
		check, named := p.Attributes().Get(attrHealthCheck)
		state, stated := p.Attributes().Get(attrHealthState)
		if stated && state.Str() == stateShuttingDown {
			r.list.Leaving(s.key, s.now)
		}
		if named && stated {
			r.list.Check(s.key, check.Str(), engineview.ParseHealth(state.Str()), s.now)
		}
	}
}

// add puts an engine on the list and says so when it is new there.
func (r *eventfluxReceiver) add(s *sender) {
	if s.listed {
		return
	}
	s.listed = true
	if !r.list.Add(s.key, s.id.Version, s.now) {
		return
	}
	id := s.id
	fields := []zap.Field{
		zap.String("service.name", id.Name),
		zap.String("service.instance.id", id.Instance),
		zap.String("service.version", id.Version),
	}
	if id.InstanceAssigned || id.NameAssigned {
		r.set.Logger.Warn("An engine sends no service.name or no service.instance.id and was given one; "+
			"set both in the engine, so that its series outlive a reconnect", fields...)
		return
	}
	r.set.Logger.Info("Engine is new", fields...)
}

func (r *eventfluxReceiver) admitTraces(ctx context.Context, from server.Origin, td ptrace.Traces, now time.Time) (all admission) {
	all.signal = traceSignal
	for _, rs := range td.ResourceSpans().All() {
		s := r.sender(ctx, from, rs.Resource(), now)
		trusted := !r.contested(ctx, s)
		if trusted {
			r.list.Touch(s.key, s.id.Version, now)
			r.heard(s)
		}
		var did contract.Report
		engine := r.list.Has(s.key)
		r.policy.CheckSpans(rs, engine, &did)
		if trusted {
			r.follow(s.key, rs, engine, now)
		}
		r.checked(ctx, s.key, &did, trusted, now, countSpans(rs), &all)
	}
	r.heart.changed()
	return all
}

// admitLogs also finds the goodbye of an engine, the event entity.delete.
func (r *eventfluxReceiver) admitLogs(ctx context.Context, from server.Origin, ld plog.Logs, now time.Time) (all admission) {
	all.signal = logSignal
	for _, rl := range ld.ResourceLogs().All() {
		s := r.sender(ctx, from, rl.Resource(), now)
		trusted := !hearsayAlone(rl) && !r.contested(ctx, s)
		if trusted {
			r.list.Touch(s.key, s.id.Version, now)
			r.heard(s)
		}
		for _, sl := range rl.ScopeLogs().All() {
			ours := sl.Scope().Name() == pulse.ScopeName
			for _, record := range sl.LogRecords().All() {
				if record.EventName() == pulse.EventDelete && !ours && trusted {
					r.list.Goodbye(s.key, now)
				}
			}
		}
		var did contract.Report
		r.policy.CheckRecords(rl, &did)
		r.checked(ctx, s.key, &did, trusted, now, countRecords(rl), &all)
	}
	r.heart.changed()
	return all
}

// folded reports whether the metric holds what a cardinality limit folded. Such
// points come alone.
func folded(m pmetric.Metric) bool {
	attrs, found := contract.FirstAttributes(m)
	if !found {
		return false
	}
	_, overflow := attrs.Get(attrOverflow)
	return overflow
}

// numbers returns the points of a gauge or sum, none of any other type.
func numbers(m pmetric.Metric) pmetric.NumberDataPointSlice {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints()
	default:
		return pmetric.NewNumberDataPointSlice()
	}
}
