// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package semconv

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

func TestTheRegistryCoversTheEngine(t *testing.T) {
	assert.GreaterOrEqual(t, MetricCount, 200)
	assert.Len(t, slices.Collect(Metrics()), MetricCount)
	assert.GreaterOrEqual(t, len(slices.Collect(Spans())), 23)
	assert.GreaterOrEqual(t, len(slices.Collect(Events())), 20)
}

func TestEveryMetricIsComplete(t *testing.T) {
	names := map[string]Metric{}
	for m := range Metrics() {
		assert.NotEmpty(t, m.Name())
		assert.NotEmpty(t, m.Unit(), m)
		assert.NotEmpty(t, m.Description(), m)
		assert.NotEmpty(t, m.PrometheusName(), m)
		assert.NotZero(t, m.Instrument(), m)
		assert.NotContains(t, names, m.Name())
		names[m.Name()] = m
		assert.Equal(t, m.Instrument() == Histogram, len(m.Bounds()) > 0, m)
		assert.IsIncreasing(t, append([]float64{-1, 0}, m.Bounds()...), m)
		assert.Len(t, compact(m.Attributes()), len(m.Attributes()), m)
	}
}

func compact(keys []attribute.Key) []attribute.Key {
	slices.Sort(keys)
	return slices.Compact(keys)
}

// The names and attributes that dashboards and alerts rely on.
func TestTheFixedMetricsKeepNameAndAttributes(t *testing.T) {
	for _, c := range []struct {
		metric     Metric
		instrument Instrument
		prometheus string
		attributes []attribute.Key
	}{
		{QueryEventsProcessed, Counter, "query_events_processed_total", []attribute.Key{"query.id", "stream.name"}},
		{QueryEventsEmitted, Counter, "query_events_emitted_total", []attribute.Key{"query.id", "output.stream"}},
		{QueryLatency, Histogram, "query_latency_seconds", []attribute.Key{"query.id"}},
		{QueryExecutionErrors, Counter, "query_execution_errors_total", []attribute.Key{"query.id", "error.type"}},
		{QueryActiveCount, UpDownCounter, "query_active_count", nil},
		{QueryWindowSize, UpDownCounter, "query_window_size_bytes", []attribute.Key{"query.id", "window.type"}},
		{QueryBufferUtilization, Gauge, "query_buffer_utilization", []attribute.Key{"query.id"}},
		{StreamEventsReceived, Counter, "stream_events_received_total", []attribute.Key{"stream.name"}},
		{StreamEventsSent, Counter, "stream_events_sent_total", []attribute.Key{"stream.name"}},
		{StreamSubscribersActive, UpDownCounter, "stream_subscribers_active", []attribute.Key{"stream.name"}},
		{StreamBackpressureEvents, Counter, "stream_backpressure_events_total", []attribute.Key{"stream.name"}},
		{StreamBufferSize, UpDownCounter, "stream_buffer_size_bytes", []attribute.Key{"stream.name"}},
		{StreamOldestEventAge, Gauge, "stream_oldest_event_age_seconds", []attribute.Key{"stream.name"}},
		{Uptime, Gauge, "eventflux_uptime_seconds", nil},
		{MemoryUsage, UpDownCounter, "eventflux_memory_usage_bytes", []attribute.Key{"component"}},
		{CPUUsage, Gauge, "eventflux_cpu_usage_percent", nil},
		{ThreadsActive, UpDownCounter, "eventflux_threads_active", nil},
		{ConnectionsActive, UpDownCounter, "connections_active", []attribute.Key{"protocol"}},
		{Connections, Counter, "connections_total", []attribute.Key{"protocol", "result"}},
		{ConnectionErrors, Counter, "connection_errors_total", []attribute.Key{"protocol", "error.type"}},
	} {
		assert.Equal(t, c.prometheus, c.metric.PrometheusName())
		assert.Equal(t, c.instrument, c.metric.Instrument(), c.metric)
		assert.Equal(t, c.attributes, c.metric.Attributes(), c.metric)
		assert.Equal(t, LevelBasic, c.metric.Level(), c.metric)
	}
}

func TestWhatIsReturnedIsTheCallersOwn(t *testing.T) {
	QueryLatency.Bounds()[0] = 42
	QueryLatency.Attributes()[0] = "x"
	SpanQueryExecute.Attributes()[0] = "x"
	EventQueryStarted.Attributes()[0] = "x"
	assert.Equal(t, 10e-6, QueryLatency.Bounds()[0])
	assert.Equal(t, QueryIDKey, QueryLatency.Attributes()[0])
	assert.Equal(t, QueryIDKey, SpanQueryExecute.Attributes()[0])
	assert.Equal(t, QueryIDKey, EventQueryStarted.Attributes()[0])
}

func TestAnUnknownValueHasNoName(t *testing.T) {
	assert.Empty(t, Metric(MetricCount).Name())
	assert.Empty(t, Metric(MetricCount).Attributes())
	assert.Equal(t, "none", Metric(MetricCount).Instrument().String())
	assert.Empty(t, Span(255).Name())
	assert.Empty(t, Event(255).Name())
}

func TestSpansSayHowTheyAreNamed(t *testing.T) {
	assert.Equal(t, "query.execute", SpanQueryExecute.String())
	assert.Equal(t, QueryIDKey, SpanQueryExecute.NameKey())
	assert.Equal(t, trace.SpanKindProducer, SpanSinkSend.Kind())
	assert.Equal(t, LevelDetail, SpanSinkSend.Level())
	assert.Empty(t, SpanFilterProcess.NameKey())
	for s := range Spans() {
		assert.NotEmpty(t, s.Name())
		assert.NotZero(t, s.Kind(), s)
		if s.NameKey() != "" {
			assert.Contains(t, s.Attributes(), s.NameKey(), s)
		}
	}
}

func TestEventsHaveASeverity(t *testing.T) {
	assert.Equal(t, "eventflux.query.failed", EventQueryFailed.String())
	assert.Equal(t, slog.LevelError, EventQueryFailed.Severity())
	for e := range Events() {
		assert.NotEmpty(t, e.Name())
		assert.NotEmpty(t, e.Attributes(), e)
	}
}

func TestAttributesTakeTheValuesOfTheRegistry(t *testing.T) {
	assert.Equal(t, attribute.String("eventflux.drop.reason", "queue_full"), DropReason(DropReasonQueueFull))
	assert.Equal(t, attribute.String("query.id", "q"), QueryID("q"))
	assert.Equal(t, attribute.Int("event.count", 3), EventCount(3))
	assert.Equal(t, attribute.Float64("eventflux.window.duration", 1.5), WindowDuration(1.5))
	assert.Equal(t, "15m", string(TrendWindowFifteenMinutes))
}
