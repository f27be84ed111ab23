// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package pulse writes what is known of the life of engines as metrics, which
// have the resource of the engine that they are about.
//
// They carry the name of a scope and no version, so that two receivers in a row
// write the same series.
package pulse

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/internal/semconv"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
)

// ScopeName is the name of the scope of everything written here.
const ScopeName = "github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver"

// Names of the metrics and of the one attribute.
const (
	Up          = "eventflux.up"
	State       = "eventflux.engine.state"
	LastSeenAge = "eventflux.engine.last_seen.age"
	Restarts    = "eventflux.engine.restarts"
	ClockSkew   = "eventflux.engine.clock.skew"
	AgentUp     = "eventflux.agent.up"

	AttrState = "eventflux.engine.state"
)

// States are the values of AttrState, each of which has a point.
var States = []engineview.State{engineview.StateUp, engineview.StateSilent, engineview.StateShutdown}

// perBatch bounds the engines in one batch, which keeps a batch below 4 MiB.
const perBatch = 500

// derived has the registry's entry of each name.
var derived = func() map[string]semconv.Metric {
	all := make(map[string]semconv.Metric)
	for m := range semconv.Derived() {
		all[m.Name()] = m
	}
	return all
}()

// Ledger remembers what was written, so that it can be taken back. It is not
// safe for concurrent use.
type Ledger struct {
	engines map[engines.Identity]entry
	agents  map[engines.Identity]entry
}

// entry is what was last written of one engine or agent.
type entry struct {
	state    engineview.State
	restarts int64
	resource pcommon.Map
	skew     bool
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{engines: make(map[engines.Identity]entry), agents: make(map[engines.Identity]entry)}
}

// Round is what one call of [Ledger.Write] is about.
type Round struct {
	// Engines and Agents are all that are known.
	Engines, Agents []engines.Life
	// Self is the resource of the collector itself where it is an agent, else nil.
	Self *pcommon.Map
	// Now is the time of the points.
	Now time.Time
	// All asks for every engine and agent; else only those that changed are
	// written.
	All bool
}

// Write gives the points of a round to send, in batches.
//
// Engines of which another receiver reports are left out. An agent that is alive
// says so itself; only its end is written, and that this is no longer so: its own
// word may have passed while its end was about to be written. Series of engines and agents that were
// written once and are known no longer end with a point without a value. Where send
// returns an error, ends are written again in the next round.
func (l *Ledger) Write(r Round, send func(pmetric.Metrics) error) {
	w := &writer{now: pcommon.NewTimestampFromTime(r.Now), send: send, batch: pmetric.NewMetrics()}
	known := make(map[engines.Identity]struct{}, len(r.Engines))
	for i := range r.Engines {
		e := &r.Engines[i]
		known[e.Identity] = struct{}{}
		if e.Reported {
			delete(l.engines, e.Identity)
			continue
		}
		last, told := l.engines[e.Identity]
		if r.All || !told || last.state != e.State || last.restarts != e.Restarts {
			w.engine(e, r.Now)
			l.engines[e.Identity] = entry{state: e.State, restarts: e.Restarts, resource: e.Resource, skew: e.SkewKnown}
		}
	}
	knownAgents := l.writeAgents(r, w)
	if r.Self != nil && r.All {
		w.agent(*r.Self, 1)
	}
	w.flush()
	forget(l.engines, known, w, w.endEngine)
	forget(l.agents, knownAgents, w, w.endAgent)
}

func (l *Ledger) writeAgents(r Round, w *writer) map[engines.Identity]struct{} {
	known := make(map[engines.Identity]struct{}, len(r.Agents))
	for i := range r.Agents {
		a := &r.Agents[i]
		known[a.Identity] = struct{}{}
		_, told := l.agents[a.Identity]
		if a.Reported || a.State == engineview.StateUp {
			if told && !a.Reported {
				w.agent(a.Resource, 1)
			}
			delete(l.agents, a.Identity)
			continue
		}
		if r.All || !told {
			w.agent(a.Resource, 0)
			l.agents[a.Identity] = entry{state: a.State, resource: a.Resource}
		}
	}
	return known
}

// forget ends the series of what was written and is known no longer.
func forget(written map[engines.Identity]entry, known map[engines.Identity]struct{}, w *writer, end func(entry)) {
	var ended []engines.Identity
	w.failed = false
	for id, last := range written {
		if _, ok := known[id]; !ok {
			end(last)
			ended = append(ended, id)
		}
	}
	w.flush()
	if w.failed {
		return
	}
	for _, id := range ended {
		delete(written, id)
	}
}

// writer fills batches.
type writer struct {
	now    pcommon.Timestamp
	batch  pmetric.Metrics
	send   func(pmetric.Metrics) error
	failed bool
}

// metrics begins an engine or agent, after handing over a batch that is full.
func (w *writer) metrics(resource pcommon.Map) pmetric.MetricSlice {
	if w.batch.ResourceMetrics().Len() >= perBatch {
		w.flush()
	}
	rm := w.batch.ResourceMetrics().AppendEmpty()
	resource.CopyTo(rm.Resource().Attributes())
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(ScopeName)
	return sm.Metrics()
}

func (w *writer) flush() {
	if w.batch.ResourceMetrics().Len() > 0 {
		if w.send(w.batch) != nil {
			w.failed = true
		}
		w.batch = pmetric.NewMetrics()
	}
}

func (w *writer) engine(e *engines.Life, now time.Time) {
	to := w.metrics(e.Resource)
	w.point(gauge(to, Up)).SetIntValue(one(e.State == engineview.StateUp))
	states := gauge(to, State)
	for _, state := range States {
		p := w.point(states)
		p.Attributes().PutStr(AttrState, state.String())
		p.SetIntValue(one(e.State == state))
	}
	w.point(gauge(to, LastSeenAge)).SetDoubleValue(max(0, now.Sub(e.LastSeen).Seconds()))
	restarts := w.point(sum(to, Restarts))
	restarts.SetStartTimestamp(pcommon.NewTimestampFromTime(e.Since))
	restarts.SetIntValue(e.Restarts)
	if e.SkewKnown {
		w.point(gauge(to, ClockSkew)).SetDoubleValue(e.Skew.Seconds())
	}
}

// endEngine writes each end as a metric of its own: the Prometheus exporter reads
// no further in a metric than to the first.
func (w *writer) endEngine(last entry) {
	to := w.metrics(last.resource)
	w.end(gauge(to, Up))
	for _, state := range States {
		w.end(gauge(to, State)).PutStr(AttrState, state.String())
	}
	w.end(gauge(to, LastSeenAge))
	w.end(sum(to, Restarts))
	if last.skew {
		w.end(gauge(to, ClockSkew))
	}
}

func (w *writer) agent(resource pcommon.Map, up int64) {
	w.point(gauge(w.metrics(resource), AgentUp)).SetIntValue(up)
}

func (w *writer) endAgent(last entry) {
	w.end(gauge(w.metrics(last.resource), AgentUp))
}

func (w *writer) point(to pmetric.NumberDataPointSlice) pmetric.NumberDataPoint {
	p := to.AppendEmpty()
	p.SetTimestamp(w.now)
	return p
}

func (w *writer) end(to pmetric.NumberDataPointSlice) pcommon.Map {
	p := w.point(to)
	p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	return p.Attributes()
}

func gauge(to pmetric.MetricSlice, name string) pmetric.NumberDataPointSlice {
	return named(to, name).SetEmptyGauge().DataPoints()
}

func sum(to pmetric.MetricSlice, name string) pmetric.NumberDataPointSlice {
	s := named(to, name).SetEmptySum()
	s.SetIsMonotonic(true)
	s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return s.DataPoints()
}

func named(to pmetric.MetricSlice, name string) pmetric.Metric {
	m := to.AppendEmpty()
	m.SetName(name)
	m.SetUnit(derived[name].Unit())
	m.SetDescription(derived[name].Brief())
	return m
}

func one(is bool) int64 {
	if is {
		return 1
	}
	return 0
}
