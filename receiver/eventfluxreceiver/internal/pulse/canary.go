// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pulse

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	// CanaryName is the name of the canary's span and of its log event.
	CanaryName = "eventflux.canary"
	// CanaryTime is the metric of a canary: when it was made, in Unix seconds.
	CanaryTime = "eventflux.canary.timestamp"
)

// Canary is one item for a pipeline in which nothing else may flow.
type Canary struct {
	// Resource is that of the collector which makes it.
	Resource pcommon.Map
	// Now is when it is made.
	Now time.Time
}

// Span returns a root span that took no time.
func (c Canary) Span(trace pcommon.TraceID, id pcommon.SpanID) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	c.Resource.CopyTo(rs.Resource().Attributes())
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(ScopeName)
	s := ss.Spans().AppendEmpty()
	s.SetName(CanaryName)
	s.SetTraceID(trace)
	s.SetSpanID(id)
	s.SetKind(ptrace.SpanKindInternal)
	s.SetStartTimestamp(c.timestamp())
	s.SetEndTimestamp(c.timestamp())
	return td
}

// Point returns the time as a gauge, so that a backend can tell how old the newest is.
func (c Canary) Point() pmetric.Metrics {
	w := &writer{now: c.timestamp(), batch: pmetric.NewMetrics()}
	w.point(gauge(w.metrics(c.Resource), CanaryTime)).SetDoubleValue(float64(c.Now.UnixMilli()) / 1000)
	return w.batch
}

// Record returns a log event of the lowest severity.
func (c Canary) Record() plog.Logs {
	ld := plog.NewLogs()
	event(ld, CanaryName, c.Resource, c.Now).SetSeverityNumber(plog.SeverityNumberTrace)
	return ld
}

func (c Canary) timestamp() pcommon.Timestamp { return pcommon.NewTimestampFromTime(c.Now) }
