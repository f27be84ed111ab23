// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// arrive is Begin with telemetry. It takes a pointer because an arrival is large: two copies are a seventh of what
// Begin costs.
func (w *Worker) arrive(ctx context.Context, a *Arrival) Batch {
	b := w.begin(ctx, a.SendStart, a.SendEnd)
	w.count, w.stream = a.Count, a.Stream
	switch {
	case len(a.Links) > 0 && anyValid(a.Links), sampledIn(b.ctx):
		if w.join() {
			b.ctx = w.startRoot(b.ctx, *a, true)
		}
	case w.admit():
		b.ctx = w.startRoot(b.ctx, *a, false)
	}
	w.enter()
	return b
}

// begin opens a batch that is not traced yet; sent and taken are its Arrival.SendStart and SendEnd.
func (w *Worker) begin(ctx context.Context, sent, taken time.Time) Batch {
	if ctx == nil {
		ctx = context.Background()
	}
	if w.open {
		w.abandon()
	}
	if w.sequence%publishEvery == 0 {
		w.gate.publish(&w.query.app.sdk.decisions, w.sequence)
	}
	w.open, w.timer, w.gate.refused, w.waited = true, false, false, 0
	w.sequence++
	w.clock(sent, taken)
	if w.speaker.span.Load() != nil {
		w.keepPromise(w.speaker.span.Swap(nil))
	}
	if w.labelling.Load() != 0 {
		w.enterLabel(ctx)
	}
	return Batch{worker: w, sequence: w.sequence, ctx: ctx}
}

// clock notes when the batch begins. The clock is not read if the arrival says when it ended.
func (w *Worker) clock(sent, taken time.Time) {
	w.begun = w.at(taken)
	w.started, w.gate.now = w.begun, w.begun
	if !sent.IsZero() {
		w.started = min(w.begun, sent.Sub(w.epoch))
	}
}

// at returns t since the epoch, or the reading of the clock if t is zero.
func (w *Worker) at(t time.Time) time.Duration {
	if t.IsZero() {
		return time.Since(w.epoch)
	}
	return t.Sub(w.epoch)
}

// enter lets log records see the batch.
func (w *Worker) enter() {
	w.spans = w.root != nil || w.labels != nil
	if w.root == nil {
		w.limit = w.slow
		return
	}
	w.limit = always
	sc := w.root.SpanContext()
	w.keepPromise(w.speaker.span.Swap(&sc))
}

// keepPromise makes the root that an ERROR record between two batches reserved, if there is one.
func (w *Worker) keepPromise(reserved *trace.SpanContext) {
	if reserved == nil {
		return
	}
	count, stream := w.count, w.stream
	w.count, w.stream = 0, ""
	w.promote(0, reserved)
	w.count, w.stream = count, stream
}

// abandon closes a batch that nobody ended. What a log record promised is kept.
func (w *Worker) abandon() {
	now := time.Since(w.epoch)
	if sc := w.speaker.span.Swap(nil); w.root == nil && sc != nil {
		w.promote(now-w.started, sc)
	}
	w.finish(now, false)
}

// finish settles the cells and ends the root span, if any.
func (w *Worker) finish(now time.Duration, observed bool) {
	w.settle(w.query, max(now-w.begun-w.waited, 0), w.waited, now-w.started, observed)
	w.open, w.spans = false, false
	if w.failure.seen {
		w.failure = failure{}
	}
	if w.root != nil {
		w.root.End()
		w.root, w.top = nil, nil
	}
	if w.labels != nil {
		w.leaveLabel()
	}
}
