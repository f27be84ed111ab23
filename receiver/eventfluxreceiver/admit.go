// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
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
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

// Names that the receiver reads on the way. They are fixed by the conventions
// that engines follow.
const (
	metricActiveQueries  = "query.active.count"
	metricStreamReceived = "stream.events.received"
	metricHealthStatus   = "eventflux.health.status"
	enginePrefix         = "eventflux."
	attrStream           = "stream.name"
	attrHealthCheck      = "eventflux.health.check"
	attrHealthState      = "eventflux.health.state"
	attrOverflow         = "otel.metric.overflow"
	eventDelete          = "entity.delete"
)

// identify completes the identity of one resource and counts what was missing.
func (r *eventfluxReceiver) identify(ctx context.Context, from server.Origin, res pcommon.Resource) contract.Identity {
	id := contract.Identify(res.Attributes(), from.Peer)
	r.tel.assigned(ctx, id)
	return id
}

// admitMetrics completes identities and notes which engines are there and what
// they run. It returns what was taken out. Only metrics make a sender an engine: agents and hosts forward
// traces and logs of other programs through the same door.
func (r *eventfluxReceiver) admitMetrics(ctx context.Context, from server.Origin, md pmetric.Metrics, now time.Time) server.Rejected {
	var all refusals
	for _, rm := range md.ResourceMetrics().All() {
		id := r.identify(ctx, from, rm.Resource())
		key := engines.Identity{Name: id.Name, Instance: id.Instance}
		r.list.Touch(key, id.Version, now)
		var did contract.Report
		r.policy.Rename(rm, r.list.Has(key), &did)
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				r.observe(key, id, m, now)
			}
		}
		r.policy.CheckMetrics(rm, r.list.Has(key), &did)
		r.keepTime(key, rm, now, &did)
		r.checked(ctx, key, &did, now, &all)
		r.heard(key, from.Connection, now)
	}
	return all.answer("data points")
}

// heard binds the engine to its connection. The connection may have ended while
// its last request was worked on, and its end is then told again.
func (r *eventfluxReceiver) heard(key engines.Identity, on *server.Connection, now time.Time) {
	if on == nil {
		return
	}
	r.list.Heard(key, engines.Connection(on.ID))
	if on.Ended() {
		r.ended(on, now)
	}
}

func (r *eventfluxReceiver) ended(on *server.Connection, now time.Time) {
	r.list.Ended(engines.Connection(on.ID), r.conclusive, now)
}

func (r *eventfluxReceiver) observe(key engines.Identity, id contract.Identity, m pmetric.Metric, now time.Time) {
	switch name := m.Name(); {
	case folded(m):
		// An agent's limiter made it, of many engines or none.
	case name == metricActiveQueries:
		r.add(key, id, now)
		for _, p := range numbers(m).All() {
			r.list.Queries(key, p.IntValue())
		}
	case name == metricStreamReceived:
		for _, p := range numbers(m).All() {
			if stream, ok := p.Attributes().Get(attrStream); ok {
				r.list.Stream(key, stream.Str(), now)
			}
		}
	case name == metricHealthStatus:
		r.add(key, id, now)
		r.observeHealth(key, m, now)
	case strings.HasPrefix(name, enginePrefix):
		r.add(key, id, now)
	}
}

// observeHealth notes which state each check of the engine is in: the point of
// that state is 1, the others are 0.
func (r *eventfluxReceiver) observeHealth(key engines.Identity, m pmetric.Metric, now time.Time) {
	for _, p := range numbers(m).All() {
		if p.IntValue() != 1 && p.DoubleValue() != 1 {
			continue
		}
		check, named := p.Attributes().Get(attrHealthCheck)
		state, stated := p.Attributes().Get(attrHealthState)
		if named && stated {
			r.list.Check(key, check.Str(), engineview.ParseHealth(state.Str()), now)
		}
	}
}

// add puts an engine on the list and says so when it is new there.
func (r *eventfluxReceiver) add(key engines.Identity, id contract.Identity, now time.Time) {
	if !r.list.Add(key, id.Version, now) {
		return
	}
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

func (r *eventfluxReceiver) admitTraces(ctx context.Context, from server.Origin, td ptrace.Traces, now time.Time) server.Rejected {
	var all refusals
	for _, rs := range td.ResourceSpans().All() {
		id := r.identify(ctx, from, rs.Resource())
		key := engines.Identity{Name: id.Name, Instance: id.Instance}
		r.list.Touch(key, id.Version, now)
		r.heard(key, from.Connection, now)
		var did contract.Report
		r.policy.CheckSpans(rs, r.list.Has(key), &did)
		r.checked(ctx, key, &did, now, &all)
	}
	return all.answer("spans")
}

// admitLogs also finds the goodbye of an engine, the event entity.delete.
func (r *eventfluxReceiver) admitLogs(ctx context.Context, from server.Origin, ld plog.Logs, now time.Time) server.Rejected {
	var all refusals
	for _, rl := range ld.ResourceLogs().All() {
		id := r.identify(ctx, from, rl.Resource())
		key := engines.Identity{Name: id.Name, Instance: id.Instance}
		r.list.Touch(key, id.Version, now)
		r.heard(key, from.Connection, now)
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				if record.EventName() == eventDelete {
					r.list.Goodbye(key, now)
				}
			}
		}
		var did contract.Report
		r.policy.CheckRecords(rl, &did)
		r.checked(ctx, key, &did, now, &all)
	}
	return all.answer("log records")
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
