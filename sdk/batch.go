// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

// Batch is one batch going through a query, from Worker.Begin to End. It is a value and belongs to the worker's
// goroutine. The zero Batch, and a Batch after its End, ignore everything.
type Batch struct {
	worker   *Worker
	sequence uint64
	ctx      context.Context //nolint:containedctx // a Batch is a call frame: it lives as long as its context
}

// live returns the worker if this batch is the open one, else nil.
func (b Batch) live() *Worker {
	if b.worker == nil || !b.worker.open || b.worker.sequence != b.sequence {
		return nil
	}
	return b.worker
}

// Context returns the context to work, log and propagate with: the one given to Begin, with the root span in it
// if the batch is traced.
func (b Batch) Context() context.Context {
	if b.ctx == nil {
		return context.Background()
	}
	return b.ctx
}

// Sampled reports whether the batch is traced.
func (b Batch) Sampled() bool {
	w := b.live()
	return w != nil && w.root != nil
}

// Processed counts n events taken in from in. It is a plain addition; call it once or for every event.
func (b Batch) Processed(in *Input, n int) {
	w := b.live()
	if w == nil || in == nil {
		return
	}
	if in.query != w.query {
		in.total.Add(int64(n)) // another query's input: right, only not as cheap
		return
	}
	if in.index >= len(w.processed) {
		w.grow()
	}
	w.processed[in.index].Add(int64(n))
	if w.timer {
		w.count += n
	}
}

// Emitted counts n events put out to out. It is a plain addition; call it once or for every event.
func (b Batch) Emitted(out *Output, n int) {
	w := b.live()
	if w == nil || out == nil {
		return
	}
	if out.query != w.query {
		out.total.Add(int64(n))
		return
	}
	if out.index >= len(w.emitted) {
		w.grow()
	}
	w.emitted[out.index].Add(int64(n))
}

// Error counts an error in query.execution.errors{query.id, error.type} and marks the root span failed. A type
// that Query.Errors did not declare is counted as "_OTHER". err may be nil.
func (b Batch) Error(errorType string, err error) {
	w := b.live()
	if w == nil {
		return
	}
	w.query.errors.count(errorType)
	if w.root == nil {
		return
	}
	w.root.SetAttributes(keyErrorType.String(errorType))
	if err == nil {
		w.root.SetStatus(codes.Error, errorType)
		return
	}
	markFailed(w.root, err)
}

// Span begins a span for one stage, a child of the batch's root. Attributes given here win over the stage's
// standard ones. Unless the batch is traced it returns the zero Span and allocates nothing. Leaf stages are
// recorded at level Detail only.
func (b Batch) Span(stage Stage, attrs ...attribute.KeyValue) Span {
	w := b.live()
	if w == nil || w.root == nil {
		return Span{}
	}
	return Span{near: w.root, query: w.query, count: w.count}.begin(stage, slices.Clone(attrs))
}

// Link returns a reference to the batch's root span for a window that keeps its events. It is zero unless the
// batch is traced and open.
func (b Batch) Link() Link {
	w := b.live()
	if w == nil || w.root == nil {
		return Link{}
	}
	return LinkTo(w.root.SpanContext())
}

// End closes the batch: it publishes the counts, observes query.latency{query.id} and ends the root span. Ending
// twice is fine.
func (b Batch) End() {
	w := b.live()
	if w == nil {
		return
	}
	latency := time.Since(w.started)
	if w.root == nil {
		w.query.latency.Observe(int64(latency))
	} else {
		w.observeTraced(latency)
	}
	w.finish()
}

// observeTraced observes the latency of a traced batch, so that the histogram points to the trace.
func (w *Worker) observeTraced(latency time.Duration) {
	sc := w.root.SpanContext()
	e := cells.Exemplar{Value: int64(latency), Time: time.Now(), TraceID: sc.TraceID(), SpanID: sc.SpanID()}
	w.query.latency.ObserveExemplar(e)
	if w.timer {
		w.root.SetAttributes(keyEventCount.Int(w.count))
	}
}
