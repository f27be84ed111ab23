// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// want lists the 20 metrics of the requirements as "name unit kind" and their series as "{attributes} value". A
// value of "*" is not compared.
var want = map[string][]string{
	"query.events.processed {event} counter":        {"{query.id=q1 stream.name=In} 7"},
	"query.events.emitted {event} counter":          {"{output.stream=Out query.id=q1} 3"},
	"query.latency s histogram":                     {"{query.id=q1} 2"},
	"query.execution.errors {error} counter":        {"{error.type=_OTHER query.id=q1} 1", "{error.type=parse query.id=q1} 1", "{error.type=timeout query.id=q1} 0"},
	"query.active.count {query} updown":             {"{} 1"},
	"query.window.size By updown":                   {"{query.id=q1 window.type=sliding} 96"},
	"query.buffer.utilization {utilization} gauge":  {"{query.id=q1} 0.25"},
	"stream.events.received {event} counter":        {"{stream.name=In} 7"},
	"stream.events.sent {event} counter":            {"{stream.name=In} 6"},
	"stream.subscribers.active {subscriber} updown": {"{stream.name=In} 1"},
	"stream.backpressure.events {event} counter":    {"{stream.name=In} 1"},
	"stream.buffer.size By updown":                  {"{stream.name=In} 512"},
	"stream.oldest_event.age s gauge":               {"{stream.name=In} 1.5"},
	"eventflux.uptime s gauge":                      {"{} *"},
	"eventflux.memory.usage By updown":              {"{component=heap} *", "{component=windows} 2048"},
	"eventflux.cpu.usage % gauge":                   {"{} *"},
	"eventflux.threads.active {thread} updown":      {"{} *"},
	"connections.active {connection} updown":        {"{protocol=grpc} 0"},
	"connections {connection} counter":              {"{protocol=grpc result=failure} 1", "{protocol=grpc result=success} 1"},
	"connection.errors {error} counter":             {"{error.type=_OTHER protocol=grpc} 1", "{error.type=refused protocol=grpc} 1"},
}

func TestTheTwentyMetricsArriveExactly(t *testing.T) {
	for _, protocol := range []string{telemetry.ProtocolGRPC, telemetry.ProtocolHTTP} {
		t.Run(protocol, func(t *testing.T) {
			c := newCollector(t, protocol)
			sdk := start(t, c, protocol, telemetry.Config{})
			app := sdk.App("orders")
			defer app.Close()
			exercise(t, app)
			flush(t, sdk)

			got := describe(t, c.newest())
			for header, series := range want {
				require.Contains(t, got, header)
				require.Len(t, got[header], len(series), header)
				for i := range series {
					if prefix, open := strings.CutSuffix(series[i], "*"); open {
						assert.True(t, strings.HasPrefix(got[header][i], prefix), "%s: %s", header, got[header][i])
						continue
					}
					assert.Equal(t, series[i], got[header][i], header)
				}
			}
		})
	}
}

// exercise touches every metric once.
func exercise(t *testing.T, app *telemetry.App) {
	t.Helper()
	app.MemoryFunc("windows", func() int64 { return 2048 })
	q := app.Query("q1")
	in, out := q.Input("In"), q.Output("Out")
	q.Errors("parse", "timeout")
	q.BufferFunc(func() float64 { return 0.25 })
	q.Window("sliding").SizeFunc(func() int64 { return 64 })
	q.Window("sliding").SizeFunc(func() int64 { return 32 })
	w := q.Worker()
	for range 2 {
		b := w.Begin(t.Context(), telemetry.Arrival{Count: 5, Stream: "In"})
		b.Processed(in, 3)
		b.End()
	}
	b := w.Begin(t.Context(), telemetry.Arrival{Count: 1, Stream: "In"})
	b.Processed(in, 1)
	b.Emitted(out, 3)
	b.Error("parse", errors.New("no number"))
	b.Error("surprise", nil)
	w.Close() // counts are published, but a batch that did not end has no latency

	s := app.Stream("In")
	s.Received(7)
	s.Sent(6)
	s.Backpressure(1)
	s.Subscribers(2)
	s.Subscribers(-1)
	s.BufferFunc(func() int64 { return 512 })
	s.OldestFunc(func() time.Duration { return 1500 * time.Millisecond })

	conns := app.Connections("grpc", "refused")
	conns.Opened()
	conns.Failed("refused")
	conns.Error("reset")
	conns.Closed()
}

// describe renders metrics in the form of want, and checks temporality and times.
func describe(t *testing.T, metrics map[string]*metricspb.Metric) map[string][]string {
	t.Helper()
	got := make(map[string][]string)
	for _, m := range metrics {
		kind, series := "", []string(nil)
		switch data := m.Data.(type) {
		case *metricspb.Metric_Sum:
			kind = map[bool]string{true: "counter", false: "updown"}[data.Sum.IsMonotonic]
			assert.Equal(t, metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, data.Sum.AggregationTemporality)
			series = points(t, data.Sum.DataPoints)
		case *metricspb.Metric_Gauge:
			kind, series = "gauge", points(t, data.Gauge.DataPoints)
		case *metricspb.Metric_Histogram:
			kind = "histogram"
			assert.Equal(t, metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, data.Histogram.AggregationTemporality)
			for _, p := range data.Histogram.DataPoints {
				assert.Equal(t, 10e-6, p.ExplicitBounds[0], m.Name)
				assert.Equal(t, 10.0, p.ExplicitBounds[len(p.ExplicitBounds)-1], m.Name)
				assert.Equal(t, p.Count > 0, p.GetSum() > 0, m.Name)
				series = append(series, fmt.Sprintf("%s %d", label(attributes(p.Attributes)), p.Count))
			}
		}
		slices.Sort(series)
		got[strings.Join([]string{m.Name, m.Unit, kind}, " ")] = series
		assert.NotEmpty(t, m.Description, m.Name)
	}
	return got
}

func points(t *testing.T, points []*metricspb.NumberDataPoint) []string {
	t.Helper()
	var series []string
	for _, p := range points {
		assert.NotZero(t, p.StartTimeUnixNano)
		assert.GreaterOrEqual(t, p.TimeUnixNano, p.StartTimeUnixNano)
		var value any = p.GetAsDouble()
		if v, ok := p.Value.(*metricspb.NumberDataPoint_AsInt); ok {
			value = v.AsInt
		}
		series = append(series, fmt.Sprintf("%s %v", label(attributes(p.Attributes)), value))
	}
	return series
}

func label(attrs map[string]any) string {
	var parts []string
	for k, v := range attrs {
		parts = append(parts, fmt.Sprintf("%s=%v", k, v))
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, " ") + "}"
}

func TestRuntimeMetricsAreOfThisProcess(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	flush(t, sdk)
	m := c.newest()
	assert.Greater(t, m["eventflux.memory.usage"].GetSum().DataPoints[0].GetAsInt(), int64(10_000))
	assert.Positive(t, m["eventflux.threads.active"].GetSum().DataPoints[0].GetAsInt())
	assert.Positive(t, m["eventflux.uptime"].GetGauge().DataPoints[0].GetAsDouble())
	assert.Zero(t, m["query.active.count"].GetSum().DataPoints[0].GetAsInt())
}

func TestClosedHandlesAreExportedOnceMoreAndEnd(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	app := sdk.App("orders")
	app.Stream("In").Received(4)
	app.Query("q1").Input("In")
	app.Close()

	flush(t, sdk)
	m := c.newest()
	assert.Equal(t, int64(4), m["stream.events.received"].GetSum().DataPoints[0].GetAsInt(), "the last total is not lost")
	assert.Zero(t, m["query.active.count"].GetSum().DataPoints[0].GetAsInt())

	flush(t, sdk)
	m = c.newest()
	assert.NotContains(t, m, "stream.events.received")
	assert.NotContains(t, m, "query.latency")
	assert.Contains(t, m, "query.active.count")
}

func TestAPanickingGaugeCostsOnlyItself(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	var failures []error
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{}, telemetry.WithErrorHandler(func(err error) { failures = append(failures, err) }))
	q := sdk.App("orders").Query("q1")
	q.BufferFunc(func() float64 { panic("torn down") })
	_ = sdk.ForceFlush(t.Context())
	m := c.newest()
	assert.NotContains(t, m, "query.buffer.utilization")
	assert.Contains(t, m, "query.latency")
	require.Len(t, failures, 1)
	assert.ErrorContains(t, failures[0], "could not read metric query.buffer.utilization")
}
