// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/pulse"
)

// hearsay is what a resource's metrics hold that its sender did not measure: what
// another receiver says of it.
type hearsay struct {
	engine, agent bool // there is a report of an engine, of an agent
	ended         bool // the report is that the other receiver has forgotten it
	report        engines.Report
	// alone is true when nothing is there beside reports and ends of series, so
	// that the resource itself gave no sign of life.
	alone bool
}

// listen finds the reports of another receiver. It looks at metrics and their
// first points, and at all points of the reports.
func listen(rm pmetric.ResourceMetrics) hearsay {
	h := hearsay{report: engines.Report{State: engineview.StateSilent}}
	told, others := false, false
	for _, sm := range rm.ScopeMetrics().All() {
		if sm.Scope().Name() != pulse.ScopeName {
			ends, lives := onlyEnds(sm.Metrics())
			told, others = told || ends, others || lives
			continue
		}
		told = true
		for _, m := range sm.Metrics().All() {
			h.hear(m)
		}
	}
	h.alone = told && !others
	return h
}

// hearsayAlone reports whether the logs of a resource are nothing but what another
// receiver says of it.
func hearsayAlone(rl plog.ResourceLogs) bool {
	for _, sl := range rl.ScopeLogs().All() {
		if sl.Scope().Name() != pulse.ScopeName {
			return false
		}
	}
	return rl.ScopeLogs().Len() > 0
}

// onlyEnds reports whether a series ends in metrics, and whether there is
// anything else. It looks no further than to the first of the latter.
func onlyEnds(metrics pmetric.MetricSlice) (ends, others bool) {
	for _, m := range metrics.All() {
		if !endsSeries(m) {
			return ends, true
		}
		ends = true
	}
	return ends, false
}

func (h *hearsay) hear(m pmetric.Metric) {
	for _, p := range numbers(m).All() {
		one := p.IntValue() == 1
		switch m.Name() {
		case pulse.Up:
			h.engine = true
			h.ended = p.Flags().NoRecordedValue()
			h.report.Stamp = p.Timestamp().AsTime()
			if one {
				h.report.State = engineview.StateUp
			}
		case pulse.State:
			if state, ok := p.Attributes().Get(pulse.AttrState); ok && one {
				h.report.State = parseState(state.Str())
			}
		case pulse.LastSeenAge:
			h.report.Age = time.Duration(p.DoubleValue() * float64(time.Second))
		case pulse.AgentUp:
			h.agent = true
			h.ended = p.Flags().NoRecordedValue()
			h.report.Stamp = p.Timestamp().AsTime()
			if one {
				h.report.State = engineview.StateUp
			}
		}
	}
}

func parseState(name string) engineview.State {
	for _, state := range pulse.States {
		if state.String() == name {
			return state
		}
	}
	return engineview.StateSilent
}

// heed takes a report as evidence. Where the receiver itself knows better, the
// report is taken out of the data, so that one voice speaks of each engine.
func (r *eventfluxReceiver) heed(ctx context.Context, h hearsay, s *sender, rm pmetric.ResourceMetrics) {
	if h.agent {
		r.heedAgent(h, s, rm)
	}
	if !h.engine {
		return
	}
	var decides bool
	if h.ended {
		decides = r.list.Unreport(s.key, s.connection())
	} else {
		decides = r.list.Report(s.key, h.report, s.connection(), s.now)
		r.list.Describe(s.key, rm.Resource().Attributes())
		s.recheck(r)
	}
	if !decides {
		r.tel.superseded(ctx, takeOut(rm))
	}
}

// takeOut removes the reports and returns how many points they have.
func takeOut(rm pmetric.ResourceMetrics) int {
	points := 0
	rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool {
		if sm.Scope().Name() != pulse.ScopeName {
			return false
		}
		for _, m := range sm.Metrics().All() {
			points += numbers(m).Len()
		}
		return true
	})
	return points
}

// heedAgent keeps the list of agents. An agent says of itself that it is up; that
// it is not is said by a receiver in between.
func (r *eventfluxReceiver) heedAgent(h hearsay, s *sender, rm pmetric.ResourceMetrics) {
	switch {
	case h.ended:
		r.agents.Unreport(s.key, s.connection())
	case h.report.State == engineview.StateUp:
		r.agents.Add(s.key, s.id.Version, s.now)
		r.agents.Describe(s.key, rm.Resource().Attributes())
		r.bind(r.agents, s)
	default:
		r.agents.Report(s.key, h.report, s.connection(), s.now)
		r.agents.Describe(s.key, rm.Resource().Attributes())
	}
}

// bind tells a list that the sender itself was heard.
func (r *eventfluxReceiver) bind(to *engines.Registry, s *sender) {
	to.Heard(s.key, s.connection(), s.now)
	s.recheck(r)
}

// connection returns the open connection that the sender used, zero over HTTP.
func (s *sender) connection() engines.Connection {
	if s.from.Connection == nil {
		return 0
	}
	return engines.Connection(s.from.Connection.ID)
}

// ownConnection is connection for senders without an agent between, else zero.
func (s *sender) ownConnection() engines.Connection {
	if !s.from.SDK {
		return 0
	}
	return s.connection()
}

// recheck tells the end of the connection again if it ended while the request was
// worked on, and so before the lists knew of it.
func (s *sender) recheck(r *eventfluxReceiver) {
	if s.from.Connection != nil && s.from.Connection.Ended() {
		r.ended(s.from.Connection, s.now)
	}
}

// endsSeries reports whether the metric's first point has no recorded value: the
// series ends there, and that is no sign of life.
func endsSeries(m pmetric.Metric) bool {
	var flags pmetric.DataPointFlags
	switch m.Type() {
	case pmetric.MetricTypeHistogram:
		if points := m.Histogram().DataPoints(); points.Len() > 0 {
			flags = points.At(0).Flags()
		}
	case pmetric.MetricTypeExponentialHistogram:
		if points := m.ExponentialHistogram().DataPoints(); points.Len() > 0 {
			flags = points.At(0).Flags()
		}
	case pmetric.MetricTypeSummary:
		if points := m.Summary().DataPoints(); points.Len() > 0 {
			flags = points.At(0).Flags()
		}
	default:
		if points := numbers(m); points.Len() > 0 {
			flags = points.At(0).Flags()
		}
	}
	return flags.NoRecordedValue()
}

// measure notes the process that a count of running queries is of, and how late
// it is. Only a cumulative sum begins with the process.
func (s *sender) measure(m pmetric.Metric, p pmetric.NumberDataPoint) {
	s.newest = max(s.newest, p.Timestamp())
	cumulative := m.Type() == pmetric.MetricTypeSum && m.Sum().AggregationTemporality() == pmetric.AggregationTemporalityCumulative
	if cumulative && p.StartTimestamp() != 0 {
		s.process.Started = p.StartTimestamp().AsTime()
	}
}

// uptime notes how long the process has run.
func (s *sender) uptime(p pmetric.NumberDataPoint) {
	s.newest = max(s.newest, p.Timestamp())
	s.process.Uptime = time.Duration(number(p) * float64(time.Second))
}

func number(p pmetric.NumberDataPoint) float64 {
	if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
		return float64(p.IntValue())
	}
	return p.DoubleValue()
}

// account tells the list what the metrics of an engine say beside their values.
func (r *eventfluxReceiver) account(ctx context.Context, s *sender, resource pcommon.Map) {
	r.list.Describe(s.key, resource)
	r.saw(ctx, s)
	if s.from.SDK && s.newest != 0 {
		r.list.Clock(s.key, s.newest.AsTime().Sub(s.now))
	}
}
