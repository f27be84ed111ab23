// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

var keepGoing bool

// BenchmarkSamplingGate measures the decision when it is no: "buckets" is the question whether the batch may start
// a trace, the others also ask whether the context is sampled. "loop" is the same loop without them.
func BenchmarkSamplingGate(b *testing.B) {
	w := unsampled(b).App("orders").Query("q1").Worker()
	w.admit()
	b.Run("loop", func(b *testing.B) {
		for b.Loop() {
			keepGoing = w.timer
		}
	})
	b.Run("buckets", func(b *testing.B) {
		for b.Loop() {
			keepGoing = w.admit()
		}
	})
	for name, ctx := range map[string]context.Context{"worker": w.Context(), "background": context.Background()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				keepGoing = sampledIn(ctx) || w.admit()
			}
		})
	}
}

// BenchmarkSampledSpan measures a span with five attributes, next to the tracer it is made with.
func BenchmarkSampledSpan(b *testing.B) {
	sdk := sampled(b)
	five := []attribute.KeyValue{
		attribute.String("query.id", "q1"), attribute.Int("event.count", 64), attribute.String("processor.type", "window"),
		attribute.String("window.type", "sliding"), attribute.Float64("eventflux.window.duration", 10),
	}
	b.Run("sdk", func(b *testing.B) {
		q := sdk.App("orders").Query("q1")
		q.Window("sliding").SetDuration(10 * time.Second)
		batch := q.Worker().Begin(b.Context(), Arrival{Count: 64})
		if !batch.Sampled() {
			b.Fatal("not sampled")
		}
		b.ReportAllocs()
		for b.Loop() {
			batch.Span(StageWindow).End()
		}
		batch.End()
	})
	b.Run("tracer", func(b *testing.B) {
		ctx, root := sdk.tracer.Start(b.Context(), "root")
		b.ReportAllocs()
		for b.Loop() {
			_, span := sdk.tracer.Start(ctx, "window.process", trace.WithAttributes(five...))
			span.End()
		}
		root.End()
	})
}

// BenchmarkSpanUnsampled measures a stage of a batch that is not traced.
func BenchmarkSpanUnsampled(b *testing.B) {
	batch := unsampled(b).App("orders").Query("q1").Worker().Begin(b.Context(), Arrival{Count: 64})
	b.Run("loop", func(b *testing.B) {
		for b.Loop() {
			keepGoing = batch.Sampled()
		}
	})
	b.Run("span", func(b *testing.B) {
		for b.Loop() {
			keepGoing = batch.Sampled()
			batch.Span(StageWindow).End()
		}
	})
	batch.End()
}
