// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// unsampled starts an SDK that exports nowhere and starts no traces.
func unsampled(tb testing.TB) *SDK {
	tb.Helper()
	return local(tb, Config{Traces: Traces{PerQuery: -1}})
}

// sampled starts an SDK that exports nowhere and traces as much as it is asked to.
func sampled(tb testing.TB) *SDK {
	tb.Helper()
	return local(tb, Config{Traces: Traces{PerQuery: 1e9, Total: 1e9}})
}

func local(tb testing.TB, cfg Config) *SDK {
	tb.Helper()
	sdk, err := Start(context.Background(), cfg,
		WithEndpoint("http://127.0.0.1:1"), WithMetricInterval(time.Hour), WithLogWriter(io.Discard), WithErrorHandler(func(error) {}),
		WithExporters(Exporters{Spans: discardSpans{}}))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = sdk.Shutdown(ctx)
	})
	return sdk
}

type discardSpans struct{}

func (discardSpans) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discardSpans) Shutdown(context.Context) error                             { return nil }

// oneBatch is a batch as an engine runs it, with every call that an unsampled batch makes.
func oneBatch(ctx context.Context, w *Worker, in *Input, out *Output, window string) {
	b := w.Begin(ctx, Arrival{Count: 64, Stream: "In", Source: "csv"})
	s := b.Span(StageWindow, attribute.String("window.type", window), attribute.Int("event.count", 64))
	leaf := s.Span(StageAccumulate, attribute.Int("event.count", 64))
	leaf.Set(attribute.Bool("full", true))
	leaf.End()
	s.End()
	b.Processed(in, 64)
	b.Emitted(out, 3)
	_ = b.Link()
	b.End()
}

func TestAnUnsampledBatchAllocatesNothing(t *testing.T) {
	q := unsampled(t).App("orders").Query("q1")
	in, out := q.Input("In"), q.Output("Out")
	q.Errors("parse")
	w, ctx, err := q.Worker(), context.Background(), errors.New("no number")
	if n := testing.AllocsPerRun(1000, func() { oneBatch(ctx, w, in, out, "sliding") }); n != 0 {
		t.Errorf("a batch allocated %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() {
		b := w.Begin(ctx, Arrival{Count: 1})
		b.Error("parse", err)
		b.End()
	}); n != 0 {
		t.Errorf("a batch with an error allocated %v times", n)
	}
	w.Close()
	if got, want := in.total.Load(), int64(1001*64); got != want {
		t.Errorf("processed = %d, want %d", got, want)
	}
}

func TestWhatAnUnsampledBatchOffersAllocatesNothing(t *testing.T) {
	app := unsampled(t).App("orders")
	w, next := app.Query("q1").Worker(), app.Query("q2").Worker()
	host := t.Context()
	links := make([]Link, 3)
	for name, f := range map[string]func(){
		"worker context":        func() { w.Begin(w.Context(), Arrival{Count: 1}).End() },
		"links to nothing":      func() { w.Begin(host, Arrival{Count: 1, Links: links}).End() },
		"a context of the host": func() { b := w.Begin(host, Arrival{Count: 1}); _ = b.Context(); b.End() },
		"a context of another query": func() {
			b := w.Begin(host, Arrival{Count: 1})
			c := next.Begin(b.Context(), Arrival{Count: 1})
			_ = c.Context()
			c.End()
			b.End()
		},
		"a slow batch that gets no token": func() {
			w.Begin(host, Arrival{Count: 1, SendStart: time.Now().Add(-time.Hour)}).End()
		},
	} {
		f()
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s: allocated %v times", name, n)
		}
	}
}

// BenchmarkBatchUnsampled measures what a batch pays for telemetry when it is not traced.
func BenchmarkBatchUnsampled(b *testing.B) {
	q := unsampled(b).App("orders").Query("q1")
	in, out := q.Input("In"), q.Output("Out")
	w, ctx := q.Worker(), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		batch := w.Begin(ctx, Arrival{Count: 64, Stream: "In"})
		batch.Processed(in, 64)
		batch.Emitted(out, 3)
		batch.End()
	}
}

// BenchmarkProcessed measures what an event pays if the engine counts every one.
func BenchmarkProcessed(b *testing.B) {
	q := unsampled(b).App("orders").Query("q1")
	in, w := q.Input("In"), q.Worker()
	batch := w.Begin(context.Background(), Arrival{Count: 64})
	for b.Loop() {
		batch.Processed(in, 1)
	}
	batch.End()
}
