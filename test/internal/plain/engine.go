// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package plain is an engine that knows the conventions and no library of ours:
// it is written with OpenTelemetry's SDK for Go alone.
package plain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Query and Stream are the names of what runs in the engine.
const (
	Query  = "plain_query"
	Stream = "PlainStream"
)

// Engine exports over three gRPC connections, as the SDK does.
type Engine struct {
	metrics *sdkmetric.MeterProvider
	traces  *sdktrace.TracerProvider
	logs    *sdklog.LoggerProvider
}

// Start exports metrics every 200 ms from now on, and until the test ends or
// Vanish.
func Start(t testing.TB, endpoint, instance string) *Engine {
	t.Helper()
	e, err := newEngine(context.Background(), endpoint, resource.NewSchemaless(
		attribute.String("service.name", "plain-engine"),
		attribute.String("service.instance.id", instance),
		attribute.String("service.version", "1.0.0"),
	))
	if err == nil {
		err = e.record()
	}
	if err != nil {
		t.Fatalf("start the plain engine: %v", err)
	}
	t.Cleanup(e.Vanish)
	return e
}

func newEngine(ctx context.Context, endpoint string, res *resource.Resource) (*Engine, error) {
	m, errM := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(endpoint), otlpmetricgrpc.WithInsecure())
	t, errT := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(endpoint), otlptracegrpc.WithInsecure())
	l, errL := otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(endpoint), otlploggrpc.WithInsecure())
	if err := errors.Join(errM, errT, errL); err != nil {
		return nil, err
	}
	return &Engine{
		metrics: sdkmetric.NewMeterProvider(sdkmetric.WithResource(res),
			sdkmetric.WithReader(sdkmetric.NewPeriodicReader(m, sdkmetric.WithInterval(200*time.Millisecond)))),
		traces: sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithBatcher(t)),
		logs:   sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(sdklog.NewBatchProcessor(l))),
	}, nil
}

// instrument is one of the twenty metrics of the requirements.
type instrument struct {
	name, unit string
	kind       string
	value      float64
	attrs      []attribute.KeyValue
}

func instruments() []instrument {
	s := attribute.String
	query, stream := s("query.id", Query), s("stream.name", Stream)
	return []instrument{
		{"query.events.processed", "{event}", "counter", 512, []attribute.KeyValue{query, stream}},
		{"query.events.emitted", "{event}", "counter", 128, []attribute.KeyValue{query, s("output.stream", "Alerts")}},
		{"query.latency", "s", "histogram", 0.002, []attribute.KeyValue{query}},
		{"query.execution.errors", "{error}", "counter", 1, []attribute.KeyValue{query, s("error.type", "timeout")}},
		{"query.active.count", "{query}", "updown", 3, nil},
		{"query.window.size", "By", "updown", 4096, []attribute.KeyValue{query, s("window.type", "sliding")}},
		{"query.buffer.utilization", "", "gauge", 0.25, []attribute.KeyValue{query}},
		{"stream.events.received", "{event}", "counter", 512, []attribute.KeyValue{stream}},
		{"stream.events.sent", "{event}", "counter", 512, []attribute.KeyValue{stream}},
		{"stream.subscribers.active", "{subscriber}", "updown", 1, []attribute.KeyValue{stream}},
		{"stream.backpressure.events", "{event}", "counter", 2, []attribute.KeyValue{stream}},
		{"stream.buffer.size", "By", "updown", 1024, []attribute.KeyValue{stream}},
		{"stream.oldest_event.age", "s", "gauge", 0.5, []attribute.KeyValue{stream}},
		{"eventflux.uptime", "s", "gauge", 60, nil},
		{"eventflux.memory.usage", "By", "updown", 1 << 20, []attribute.KeyValue{s("component", "state")}},
		{"eventflux.cpu.usage", "%", "gauge", 12.5, nil},
		{"eventflux.threads.active", "{thread}", "updown", 8, nil},
		{"connections.active", "{connection}", "updown", 2, []attribute.KeyValue{s("protocol", "tcp")}},
		{"connections", "{connection}", "counter", 5, []attribute.KeyValue{s("protocol", "tcp"), s("result", "success")}},
		{"connection.errors", "{error}", "counter", 1, []attribute.KeyValue{s("protocol", "tcp"), s("error.type", "timeout")}},
	}
}

func (e *Engine) record() error {
	ctx, meter := context.Background(), e.metrics.Meter("plain")
	for _, i := range instruments() {
		with := metric.WithAttributes(i.attrs...)
		var err error
		switch i.kind {
		case "counter":
			var c metric.Int64Counter
			if c, err = meter.Int64Counter(i.name, metric.WithUnit(i.unit)); err == nil {
				c.Add(ctx, int64(i.value), with)
			}
		case "updown":
			var c metric.Int64UpDownCounter
			if c, err = meter.Int64UpDownCounter(i.name, metric.WithUnit(i.unit)); err == nil {
				c.Add(ctx, int64(i.value), with)
			}
		case "gauge":
			var g metric.Float64Gauge
			if g, err = meter.Float64Gauge(i.name, metric.WithUnit(i.unit)); err == nil {
				g.Record(ctx, i.value, with)
			}
		case "histogram":
			var h metric.Float64Histogram
			if h, err = meter.Float64Histogram(i.name, metric.WithUnit(i.unit)); err == nil {
				h.Record(ctx, i.value, with)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", i.name, err)
		}
	}
	return nil
}

// Check says which state one of the engine's parts is in.
func (e *Engine) Check(part, state string) error {
	status, err := e.metrics.Meter("plain").Int64Gauge("eventflux.health.status", metric.WithUnit("{check}"))
	if err != nil {
		return err
	}
	for _, s := range []string{"healthy", "degraded", "unhealthy"} {
		value := int64(0)
		if s == state {
			value = 1
		}
		status.Record(context.Background(), value, metric.WithAttributes(
			attribute.String("eventflux.health.check", part), attribute.String("eventflux.health.state", s)))
	}
	return nil
}

// span is one of the tree of the requirements.
type span struct {
	name  string
	attrs []attribute.KeyValue
	below []span
}

// Spans is how many spans a batch has.
var Spans = tree().count()

func (s span) count() int {
	n := 1
	for _, below := range s.below {
		n += below.count()
	}
	return n
}

func tree() span {
	s := attribute.String
	query, stream, count := s("query.id", Query), s("stream.name", Stream), attribute.Int("event.count", 512)
	window := s("window.type", "sliding")
	return span{"query.execute " + Query, []attribute.KeyValue{query, stream, count}, []span{
		{"event.ingest " + Stream, []attribute.KeyValue{stream, count}, []span{
			{"source.read tcp", []attribute.KeyValue{stream, s("eventflux.source.type", "tcp"), count}, nil},
			{"junction.send " + Stream, []attribute.KeyValue{stream, count}, nil},
		}},
		{"filter.process", []attribute.KeyValue{query, count, s("processor.type", "filter")}, []span{
			{"expression.evaluate", []attribute.KeyValue{query, s("processor.type", "filter")}, nil},
		}},
		{"window.process", []attribute.KeyValue{query, count, window, s("processor.type", "window")}, []span{
			{"window.accumulate", []attribute.KeyValue{query, window, count}, nil},
			{"window.trigger", []attribute.KeyValue{query, window, count}, nil},
		}},
		{"aggregation.process", []attribute.KeyValue{query, count, s("processor.type", "aggregation")}, []span{
			{"aggregation.state.update", []attribute.KeyValue{query, count}, nil},
			{"aggregation.compute", []attribute.KeyValue{query}, nil},
		}},
		{"output.emit Alerts", []attribute.KeyValue{query, count, s("output.stream", "Alerts")}, []span{
			{"sink.format", []attribute.KeyValue{s("stream.name", "Alerts"), count}, nil},
			{"sink.send tcp", []attribute.KeyValue{s("stream.name", "Alerts"), s("eventflux.sink.type", "tcp"), count}, nil},
		}},
	}}
}

// Batch makes the spans of one batch and a log record in it, and sends all of
// them.
func (e *Engine) Batch(ctx context.Context) (trace.TraceID, error) {
	inner, root := e.start(ctx, tree())
	var r log.Record
	r.SetTimestamp(time.Now())
	r.SetSeverity(log.SeverityWarn)
	r.SetSeverityText("WARN")
	r.SetBody(attribute.StringValue("slow batch"))
	r.AddAttributes(attribute.String("query.id", Query), attribute.String("stream.name", Stream))
	e.logs.Logger("plain").Emit(inner, r)
	return root, errors.Join(e.traces.ForceFlush(ctx), e.logs.ForceFlush(ctx))
}

func (e *Engine) start(ctx context.Context, s span) (context.Context, trace.TraceID) {
	kind := trace.SpanKindInternal
	switch {
	case strings.HasPrefix(s.name, "source.read"):
		kind = trace.SpanKindConsumer
	case strings.HasPrefix(s.name, "sink.send"):
		kind = trace.SpanKindProducer
	}
	inner, sp := e.traces.Tracer("plain").Start(ctx, s.name, trace.WithAttributes(s.attrs...), trace.WithSpanKind(kind))
	defer sp.End()
	for _, below := range s.below {
		e.start(inner, below)
	}
	return inner, sp.SpanContext().TraceID()
}

// Goodbye says that the engine ends on purpose, and ends it.
func (e *Engine) Goodbye(ctx context.Context) error {
	var r log.Record
	r.SetTimestamp(time.Now())
	r.SetEventName("entity.delete")
	e.logs.Logger("plain").Emit(ctx, r)
	err := e.logs.ForceFlush(ctx)
	e.Vanish()
	return err
}

// Vanish closes the connections without a word. It may be called again.
func (e *Engine) Vanish() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// A second shutdown, or one without a collector, fails, which is no matter.
	_ = errors.Join(e.metrics.Shutdown(ctx), e.traces.Shutdown(ctx), e.logs.Shutdown(ctx))
}
