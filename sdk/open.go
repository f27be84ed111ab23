// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"time"
)

// arrive is Begin with telemetry.
func (w *Worker) arrive(ctx context.Context, a Arrival) Batch {
	b := w.begin(ctx, a.SendStart)
	w.count, w.stream = a.Count, a.Stream
	switch {
	case len(a.Links) > 0 && anyValid(a.Links), sampledIn(b.ctx):
		if w.join() {
			b.ctx = w.startRoot(b.ctx, a, true)
		}
	case w.admit():
		b.ctx = w.startRoot(b.ctx, a, false)
	}
	w.enter()
	return b
}

// begin opens a batch that is not traced yet.
func (w *Worker) begin(ctx context.Context, sendStart time.Time) Batch {
	if ctx == nil {
		ctx = context.Background()
	}
	if w.open {
		w.abandon()
	}
	if w.sequence%publishEvery == 0 {
		w.gate.publish(&w.query.app.sdk.decisions, w.sequence)
	}
	w.open, w.timer, w.gate.refused = true, false, false
	w.sequence++
	if sendStart.IsZero() {
		w.gate.now = time.Since(w.epoch)
		w.started = w.gate.now
	} else {
		now := time.Now()
		w.gate.now = now.Sub(w.epoch)
		w.started = w.gate.now - max(now.Sub(sendStart), 0)
	}
	if w.labels != nil {
		w.enterLabel(ctx)
	}
	return Batch{worker: w, sequence: w.sequence, ctx: ctx}
}

// enter lets log records see the batch.
func (w *Worker) enter() {
	w.spans = w.root != nil || w.labels != nil
	if w.root == nil {
		w.limit = w.slow
		w.speaker.span.Store(untraced)
		return
	}
	w.limit = always
	sc := w.root.SpanContext()
	w.speaker.span.Store(&sc)
}

// abandon closes a batch that nobody ended. What a log record promised is kept.
func (w *Worker) abandon() {
	if sc := w.speaker.span.Swap(nil); w.root == nil && sc != untraced && sc != nil {
		w.promote(time.Since(w.epoch)-w.started, sc)
	}
	w.finish()
}

// finish publishes the cells and ends the root span, if any.
func (w *Worker) finish() {
	for i := range w.processed {
		w.processed[i].Flush()
	}
	for i := range w.emitted {
		w.emitted[i].Flush()
	}
	w.shares.flush()
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
