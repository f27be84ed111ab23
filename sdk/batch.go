// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// Batch is one batch going through a query, from Worker.Begin to End. It is a value and belongs to the worker's
// goroutine: using it from another one is a data race. The zero Batch, and a Batch after its End, ignore
// everything.
type Batch struct {
	worker   *Worker
	sequence uint64          // 0 if nothing is recorded
	ctx      context.Context //nolint:containedctx // a Batch is a call frame: it lives as long as its context
}

// live returns the worker if this batch is the open one, else nil.
func (b Batch) live() *Worker {
	if b.worker == nil || !b.worker.open || b.worker.sequence != b.sequence {
		return nil
	}
	return b.worker
}

// Context returns the context to work, log and propagate with: the one given to Begin, with the root span in it if
// the batch is traced. Records made with it carry query.id and stream.name, like those of Worker.Context. In an
// engine that begins its batches with contexts of few goroutines it allocates nothing.
func (b Batch) Context() context.Context {
	if b.ctx == nil {
		return context.Background()
	}
	if b.worker == nil {
		return b.ctx
	}
	return b.worker.in(b.ctx)
}

// Sampled reports whether the batch is traced.
func (b Batch) Sampled() bool {
	w := b.live()
	return w != nil && w.root != nil
}

// Processed counts n events taken in from in. It is a plain addition; call it once or for every event.
func (b Batch) Processed(in *Input, n int) {
	if b.sequence != 0 {
		b.processed(in, n)
	}
}

func (b Batch) processed(in *Input, n int) {
	w := b.live()
	if w == nil || in == nil {
		return
	}
	if in.query != w.query {
		in.total.Add(int64(n)) // another query's input: right, only not as cheap
		return
	}
	if in.index >= len(w.processed) {
		w.grow(w.query)
	}
	w.processed[in.index].Add(int64(n))
	if w.timer {
		w.count += n
	}
}

// Emitted counts n events put out to out. It is a plain addition; call it once or for every event.
func (b Batch) Emitted(out *Output, n int) {
	if b.sequence != 0 {
		b.emitted(out, n)
	}
}

func (b Batch) emitted(out *Output, n int) {
	w := b.live()
	if w == nil || out == nil {
		return
	}
	if out.query != w.query {
		out.total.Add(int64(n))
		return
	}
	if out.index >= len(w.emitted) {
		w.grow(w.query)
	}
	w.emitted[out.index].Add(int64(n))
}

// Error counts an error in query.execution.errors{query.id, error.type} and marks the root span failed, with the
// first errorType of the batch as its error.type. A batch that is not traced becomes one span at End instead, if
// a token bucket of its own allows it. A type that Query.Errors did not declare is counted as "_OTHER". err may be
// nil; its text goes into the trace.
func (b Batch) Error(errorType string, err error) {
	w := b.live()
	if w == nil {
		return
	}
	w.query.errors.count(errorType)
	first := !w.failure.seen
	if first {
		w.failure = failure{errorType: errorType, err: err, seen: true}
		w.limit = always
	}
	switch {
	case w.root == nil:
	case first:
		w.failure.mark(w.root, w.query.sdk.errors)
	case err != nil:
		recordException(w.root, err, w.query.sdk.errors)
	}
}

// Span begins a span for one stage, a child of the batch's root. Attributes given here win over the stage's
// standard ones. Unless the batch is traced it returns a Span that is not recorded and allocates nothing. Leaf
// stages are recorded at level Detail only.
func (b Batch) Span(stage Stage, attrs ...attribute.KeyValue) Span {
	if b.worker == nil || !b.worker.spans {
		return Span{}
	}
	return b.span(stage, attrs)
}

func (b Batch) span(stage Stage, attrs []attribute.KeyValue) Span {
	w := b.live()
	if w == nil {
		return Span{}
	}
	top := Span{label: w.topLabel()}
	if w.root != nil {
		if w.top == nil {
			w.top = &tracing{near: w.root, ctx: b.ctx, query: w.query, errors: w.query.sdk.errors}
		}
		w.top.count = w.count
		top.in = w.top
	}
	return top.begin(stage, attrs)
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

// End closes the batch: it publishes the counts, observes query.latency{query.id} and ends the root span. A batch
// that was not traced but took Traces.Slow or longer, or failed, or logged an ERROR, becomes one span now. Ending
// twice is fine.
func (b Batch) End() {
	if b.sequence != 0 {
		b.end(time.Time{})
	}
}

// EndAt is End for a caller that has just read the clock: the batch ended at now. That spares a reading, which is
// most of what End costs. A loop that takes the next batch at once may give the same time as that one's
// Arrival.SendEnd. A zero now has the clock read.
func (b Batch) EndAt(now time.Time) {
	if b.sequence != 0 {
		b.end(now)
	}
}

func (b Batch) end(at time.Time) {
	w := b.live()
	if w == nil {
		return
	}
	now := w.at(at)
	if w.speaker.span.Load() == nil && now-w.started < w.limit {
		w.finish(now, true)
		return
	}
	w.finish(now, !w.endTraced(now-w.started, w.speaker.span.Swap(nil)))
}

// endTraced observes the latency of a batch that is or should be traced, so that the histogram points to the
// trace. It reports whether there is one.
func (w *Worker) endTraced(latency time.Duration, sc *trace.SpanContext) bool {
	if w.root == nil {
		if sc = w.promote(latency, sc); sc == nil {
			return false
		}
	} else if w.timer {
		w.root.SetAttributes(semconv.EventCountKey.Int(w.count))
	}
	w.query.latency.ObserveExemplar(cells.Exemplar{
		Value: int64(latency), Time: time.Now(), TraceID: sc.TraceID(), SpanID: sc.SpanID(),
	})
	return true
}

// Blocked says that the batch waited d for something else, such as room in the queue of another query. The time
// counts in eventflux.query.blocked.time{query.id} and not in eventflux.query.busy.time.
func (b Batch) Blocked(d time.Duration) {
	if w := b.live(); w != nil && d > 0 {
		w.waited += d
	}
}
