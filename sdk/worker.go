// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

// Worker records the batches of one query on one goroutine, at most one batch at a time. It is not safe for
// concurrent use: that is what makes recording free of atomics and locks. A nil Worker is legal and records
// nothing.
type Worker struct {
	query     *Query
	processed []cells.Cell // by Input.index
	emitted   []cells.Cell // by Output.index
	local     local

	// The open batch.
	open     bool
	sequence uint64 // tells a Batch value of an earlier Begin from the open one
	started  time.Time
	count    int
	root     trace.Span // nil if the batch is not traced
	timer    bool       // begun by Trigger: event.count is known only at the end
}

// Worker returns a worker for one goroutine. Bind inputs and outputs first where possible.
func (q *Query) Worker() *Worker {
	if q == nil {
		return nil
	}
	w := &Worker{query: q}
	w.grow()
	return w
}

// grow makes room for the inputs and outputs that are bound by now.
func (w *Worker) grow() {
	w.query.mu.Lock()
	defer w.query.mu.Unlock()
	for _, in := range w.query.inputs[len(w.processed):] {
		w.processed = append(w.processed, cells.NewCell(in.total))
	}
	for _, out := range w.query.outputs[len(w.emitted):] {
		w.emitted = append(w.emitted, cells.NewCell(out.total))
	}
}

// Begin opens a batch that arrived as a says. ctx carries the trace context of whoever sent the batch, a query or
// another node: if that is sampled, the batch joins its trace, otherwise the token buckets decide whether the
// batch starts a trace of its own. Unless the batch is traced, Begin reads the clock once and allocates nothing.
//
// A batch that is still open is closed first, without an observation of its latency.
func (w *Worker) Begin(ctx context.Context, a Arrival) Batch {
	b := w.begin(ctx)
	if w == nil {
		return b
	}
	now := w.started
	w.count = a.Count
	if !a.SendStart.IsZero() && a.SendStart.Before(now) {
		w.started = a.SendStart
	}
	sampled := trace.SpanContextFromContext(b.ctx).IsSampled()
	if sampled || w.query.admit(now) {
		b.ctx = w.startRoot(b.ctx, a, now, sampled)
	}
	return b
}

// Trigger opens a batch for a window that a timer closed. It is traced as a root of its own, linked to the
// batches that filled the window, of which the newest Traces.MaxLinks are kept. It is recorded if one of links is
// valid, otherwise the token buckets decide.
func (w *Worker) Trigger(ctx context.Context, links ...Link) Batch {
	b := w.begin(ctx)
	if w == nil {
		return b
	}
	w.timer = true
	if anyValid(links) || w.query.admit(w.started) {
		b.ctx = w.startTriggerRoot(b.ctx, links)
	}
	return b
}

// begin opens a batch that is not traced yet.
func (w *Worker) begin(ctx context.Context) Batch {
	if ctx == nil {
		ctx = context.Background()
	}
	if w == nil {
		return Batch{ctx: ctx}
	}
	w.finish()
	w.open, w.timer, w.count, w.started = true, false, 0, time.Now()
	w.sequence++
	return Batch{worker: w, sequence: w.sequence, ctx: ctx}
}

// finish publishes the cells and ends the root span, if any.
func (w *Worker) finish() {
	for i := range w.processed {
		w.processed[i].Flush()
	}
	for i := range w.emitted {
		w.emitted[i].Flush()
	}
	w.local.flush()
	w.open = false
	if w.root != nil {
		w.root.End()
		w.root = nil
	}
}

// Close closes the open batch, if any, and publishes what was counted. The worker may not be used afterwards.
func (w *Worker) Close() {
	if w != nil {
		w.finish()
	}
}

// admit reports whether a batch may start a trace now.
func (q *Query) admit(now time.Time) bool {
	sdk := q.app.sdk
	since := int64(now.Sub(sdk.started))
	return sdk.tracer != nil && q.bucket.take(since) && sdk.bucket.take(since)
}

func anyValid(links []Link) bool {
	for _, l := range links {
		if l.Valid() {
			return true
		}
	}
	return false
}
