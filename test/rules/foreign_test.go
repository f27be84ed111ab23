// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
)

// foreign is an engine that has what the reference engine has not: circuit breakers, a sink that gives up, a state backend, a
// log and a transport that fail.
type foreign struct {
	sender *otlp.Sender
	start  time.Time
	count  int64
	well   bool // nothing goes wrong
}

func newForeign(t testing.TB, endpoint string) *foreign {
	t.Helper()
	return &foreign{sender: otlp.NewSender(t, endpoint), start: time.Now()}
}

// send reports ten more of everything that is counted, unless all is well.
func (f *foreign) send(t testing.TB) error {
	t.Helper()
	bad, connected := 1.0, 0.0
	if f.well {
		bad, connected = 0, 1
	} else {
		f.count += 10
	}
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "foreign-engine")
	rm.Resource().Attributes().PutStr("service.instance.id", "foreign")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("foreign")
	gauge := func(name, unit string, value float64, attrs map[string]any) {
		m := sm.Metrics().AppendEmpty()
		m.SetName(name)
		m.SetUnit(unit)
		point(t, m.SetEmptyGauge().DataPoints().AppendEmpty(), f.start, attrs).SetDoubleValue(value)
	}
	sum := func(name, unit string, monotonic bool, value int64, attrs map[string]any) {
		m := sm.Metrics().AppendEmpty()
		m.SetName(name)
		m.SetUnit(unit)
		m.SetEmptySum().SetIsMonotonic(monotonic)
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		point(t, m.Sum().DataPoints().AppendEmpty(), f.start, attrs).SetIntValue(value)
	}
	counter := func(name, unit string, attrs map[string]any) { sum(name, unit, true, f.count, attrs) }
	gauge("eventflux.circuit_breaker.state", "{state}", bad, map[string]any{"stream.name": "Orders", "eventflux.circuit.state": "open"})
	gauge("eventflux.source.connected", "{state}", connected, map[string]any{"stream.name": "Orders", "eventflux.source.type": "kafka"})
	gauge("eventflux.sink.connected", "{state}", connected, map[string]any{"stream.name": "Orders", "eventflux.sink.type": "kafka"})
	counter("eventflux.sink.events.sent", "{event}", map[string]any{"stream.name": "Orders", "eventflux.sink.type": "kafka"})
	counter("eventflux.sink.events.dropped", "{event}", map[string]any{"stream.name": "Orders", "eventflux.sink.type": "kafka", "eventflux.drop.reason": "retry_exhausted"})
	counter("eventflux.state.operations", "{operation}", map[string]any{"eventflux.state.backend": "redis", "eventflux.state.operation": "set", "result": "failure"})
	counter("query.events.processed", "{event}", map[string]any{"query.id": "q", "stream.name": "Orders"})
	counter("eventflux.window.events.late", "{event}", map[string]any{"query.id": "q", "window.type": "tumbling", "eventflux.late.action": "dropped"})
	counter("eventflux.checkpoint.attempts", "{checkpoint}", map[string]any{"eventflux.checkpoint.type": "full", "result": "failure"})
	counter("eventflux.transport.messages", "{message}", map[string]any{"protocol": "tcp", "eventflux.direction": "out", "eventflux.message.type": "event"})
	counter("eventflux.transport.errors", "{error}", map[string]any{"protocol": "tcp", "eventflux.direction": "out", "error.type": "timeout"})
	sum("process.unix.file_descriptor.count", "{file_descriptor}", false, 1000+f.count, nil)
	sum("eventflux.process.file_descriptor.limit", "{file_descriptor}", false, 2000, nil)
	counter("eventflux.wal.errors", "{error}", map[string]any{"error.type": "io"})
	gauge("eventflux.uptime", "s", time.Since(f.start).Seconds(), nil)
	gauge("query.buffer.utilization", "%", 50, map[string]any{"query.id": "r"}) // against the conventions: it is a share
	return f.sender.Metrics(t.Context(), md)
}

func point(t testing.TB, p pmetric.NumberDataPoint, start time.Time, attrs map[string]any) pmetric.NumberDataPoint {
	t.Helper()
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	require.NoError(t, p.Attributes().FromRaw(attrs))
	return p
}
