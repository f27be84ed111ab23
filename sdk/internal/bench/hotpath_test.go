// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// run measures loop, which does the same thing n times. CPU time counts: unlike wall clock it is not that of the
// neighbours.
func run(b *testing.B, loop func(n int)) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime(b)
	loop(b.N)
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// newSDK starts an SDK at level detail that exports nowhere and starts no traces unless asked to.
func newSDK(b *testing.B, traces float64) *telemetry.SDK {
	b.Helper()
	sdk, err := telemetry.Start(context.Background(), telemetry.Config{Level: telemetry.Detail, Traces: telemetry.Traces{PerQuery: traces, Total: traces}},
		telemetry.WithEndpoint("http://127.0.0.1:1"), telemetry.WithMetricInterval(time.Hour), telemetry.WithLogWriter(io.Discard),
		telemetry.WithErrorHandler(func(error) {}), telemetry.WithExporters(telemetry.Exporters{Spans: discard{}}))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = sdk.Shutdown(ctx)
	})
	return sdk
}

type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }

// BenchmarkLoop is what every other number contains.
func BenchmarkLoop(b *testing.B) {
	run(b, func(n int) {
		for range n {
		}
	})
}

func BenchmarkCellAdd(b *testing.B) {
	q := newSDK(b, -1).App("a").Query("q")
	c := q.Worker().Cell(q.Operator("filter", "f1").EventsIn())
	run(b, func(n int) {
		for range n {
			c.Add(1)
		}
	})
}

func BenchmarkFourCells(b *testing.B) {
	sdk := newSDK(b, -1)
	q := sdk.App("a").Query("q")
	w, filter := q.Worker(), q.Operator("filter", "f1")
	in, out := w.Cell(filter.EventsIn()), w.Cell(filter.EventsOut())
	timeouts, parses := w.Cell(filter.Errors("timeout")), w.Cell(filter.Errors("parse"))
	run(b, func(n int) {
		for range n {
			in.Add(1)
			out.Add(1)
			timeouts.Add(1)
			parses.Add(1)
		}
	})
}

func BenchmarkLocalHistogramObserve(b *testing.B) {
	q := newSDK(b, -1).App("a").Query("q")
	h := q.Worker().Histogram(q.Operator("filter", "f1").Duration())
	run(b, func(n int) {
		for i := range n {
			h.Observe(time.Duration(i))
		}
	})
}

func BenchmarkCounterInc(b *testing.B) {
	c := newSDK(b, -1).App("a").Query("q").Operator("filter", "f1").EventsIn()
	run(b, func(n int) {
		for range n {
			c.Inc()
		}
	})
}

func BenchmarkHistogramObserve(b *testing.B) {
	h := newSDK(b, -1).App("a").Query("q").Operator("filter", "f1").Duration()
	run(b, func(n int) {
		for i := range n {
			h.Observe(time.Duration(i))
		}
	})
}

func BenchmarkOffCounterInc(b *testing.B) {
	c := telemetry.Noop().App("a").Query("q").Operator("filter", "f1").EventsIn()
	run(b, func(n int) {
		for range n {
			c.Inc()
		}
	})
}

func BenchmarkOffBatch(b *testing.B) {
	q := telemetry.Noop().App("a").Query("q")
	w, in, out, ctx := q.Worker(), q.Input("In"), q.Output("Out"), context.Background()
	run(b, func(n int) {
		for range n {
			batch := w.Begin(ctx, telemetry.Arrival{Count: 64})
			batch.Processed(in, 64)
			batch.Emitted(out, 3)
			batch.End()
		}
	})
}

func BenchmarkBatchNotTraced(b *testing.B) {
	q := newSDK(b, -1).App("a").Query("q")
	w, in, out, ctx := q.Worker(), q.Input("In"), q.Output("Out"), context.Background()
	run(b, func(n int) {
		for range n {
			batch := w.Begin(ctx, telemetry.Arrival{Count: 64})
			batch.Processed(in, 64)
			batch.Emitted(out, 3)
			batch.End()
		}
	})
}

// BenchmarkBatchTimesGiven is the same for an engine that has read the clock already.
func BenchmarkBatchTimesGiven(b *testing.B) {
	q := newSDK(b, -1).App("a").Query("q")
	w, in, out, ctx, now := q.Worker(), q.Input("In"), q.Output("Out"), context.Background(), time.Now()
	run(b, func(n int) {
		for range n {
			batch := w.Begin(ctx, telemetry.Arrival{Count: 64, SendStart: now, SendEnd: now})
			batch.Processed(in, 64)
			batch.Emitted(out, 3)
			batch.EndAt(now)
		}
	})
}

// five are the attributes of a span.
var five = []attribute.KeyValue{
	attribute.String("query.id", "q"), attribute.Int("event.count", 64), attribute.String("processor.type", "window"),
	attribute.String("window.type", "sliding"), attribute.String("eventflux.operator.id", "w1"),
}

func BenchmarkSampledSpan(b *testing.B) {
	q := newSDK(b, 1e9).App("a").Query("q")
	batch := q.Worker().Begin(context.Background(), telemetry.Arrival{Count: 64, Stream: "In"})
	if !batch.Sampled() {
		b.Fatal("the batch is not traced")
	}
	defer batch.End()
	run(b, func(n int) {
		for range n {
			batch.Span(telemetry.StageWindow, five...).End()
		}
	})
}

func BenchmarkAlternativeOTelSpan(b *testing.B) {
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(discard{}))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	tracer := provider.Tracer("t")
	ctx, root := tracer.Start(context.Background(), "query.execute q")
	defer root.End()
	run(b, func(n int) {
		for range n {
			_, span := tracer.Start(ctx, "window.process", trace.WithAttributes(five...))
			span.End()
		}
	})
}

func BenchmarkAlternativeAtomicAdd(b *testing.B) {
	var c atomic.Int64
	run(b, func(n int) {
		for range n {
			c.Add(1)
		}
	})
}

func BenchmarkAlternativePrometheusCounterInc(b *testing.B) {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c"}, []string{"query_id"}).WithLabelValues("q")
	run(b, func(n int) {
		for range n {
			c.Inc()
		}
	})
}

func BenchmarkAlternativePrometheusHistogramObserve(b *testing.B) {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "h"}, []string{"query_id"}).WithLabelValues("q")
	run(b, func(n int) {
		for i := range n {
			h.Observe(float64(i))
		}
	})
}

func otelMeter(b *testing.B) metric.Meter {
	b.Helper()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	b.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	return provider.Meter("m")
}

func BenchmarkAlternativeOTelCounterAdd(b *testing.B) {
	c, err := otelMeter(b).Int64Counter("c")
	if err != nil {
		b.Fatal(err)
	}
	ctx, opts := context.Background(), []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attribute.String("query.id", "q"), attribute.String("stream.name", "s")))}
	run(b, func(n int) {
		for range n {
			c.Add(ctx, 1, opts...)
		}
	})
}

func BenchmarkAlternativeOTelHistogramRecord(b *testing.B) {
	h, err := otelMeter(b).Float64Histogram("h")
	if err != nil {
		b.Fatal(err)
	}
	ctx, opts := context.Background(), []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attribute.String("query.id", "q")))}
	run(b, func(n int) {
		for i := range n {
			h.Record(ctx, float64(i), opts...)
		}
	})
}
