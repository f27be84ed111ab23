// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

// Worker records the batches of one query on one goroutine, at most one batch at a time. It is not safe for
// concurrent use: that is what makes recording free of atomics and locks. The exceptions are Logger and Context,
// whose results may be handed to other goroutines. A nil Worker is legal and records nothing.
type Worker struct {
	ledger

	query   *Query
	gate    gate
	speaker *speaker
	ctx     *workerContext
	last    *workerContext // the newest one made for a context of the host
	labels  *labels        // of the open batch; nil: it is not labelled for profiles

	labelling *atomic.Int32 // above zero: work is labelled
	epoch     time.Time     // where the durations below begin
	slow      time.Duration // SDK.slow
	off       bool          // telemetry is off: only the logger and the context work

	// The open batch.
	open     bool
	timer    bool          // begun by Trigger: event.count is known only at the end
	spans    bool          // Span has something to do: the batch is traced or labelled
	sequence uint64        // tells a Batch value of an earlier Begin from the open one
	root     trace.Span    // nil if the batch is not traced
	top      *tracing      // of root, once a stage began
	begun    time.Duration // since epoch, like started
	started  time.Duration // where the latency begins
	waited   time.Duration // what Blocked said
	limit    time.Duration // a latency from here on needs more than an observation
	count    int
	stream   string // Arrival.Stream
	failure  failure
	stage    Stage           // whose label the goroutine carries
	outer    context.Context //nolint:containedctx // its labels are restored at the end; set only with labels
}

// failure is the first error of a batch.
type failure struct {
	errorType string
	err       error
	seen      bool
}

// Worker returns a worker for one goroutine. Bind inputs and outputs first where possible.
func (q *Query) Worker() *Worker {
	if q == nil {
		return nil
	}
	sdk := q.app.sdk
	s := &speaker{query: q}
	w := &Worker{query: q, speaker: s, epoch: sdk.started, slow: sdk.slow, off: sdk.registry == nil}
	w.ctx = &workerContext{Context: context.Background(), speaker: s, plain: true}
	if !w.off {
		w.labelling = &sdk.labelling
		w.latency = cells.NewTally(q.latency)
		w.gate.quiet = always
		w.grow(q)
		q.enlist(w)
	}
	return w
}

// Logger returns a logger with target "eventflux::query" whose records carry query.id and stream.name, the
// query's first Input, and the trace of the batch that is open when they are made. An ERROR record in a batch
// that is not traced has it traced after all, as one span at its End, if a token bucket of its own allows it; the
// record then carries the trace. After the End of a batch that trace is made by the next Begin, or by Close.
//
// The logger costs a batch nothing and may be used from any goroutine.
func (w *Worker) Logger() *slog.Logger {
	if w == nil {
		return slog.New(slog.DiscardHandler)
	}
	return w.speaker.logger()
}

// Context returns a context that does for records of every logger of this SDK what Logger does for its own,
// except for the target. It has no deadline and no trace; begin batches with it where there is no other context.
// It may be used from any goroutine.
func (w *Worker) Context() context.Context {
	if w == nil {
		return context.Background()
	}
	return w.ctx
}

// Begin opens a batch that arrived as a says. ctx carries the trace context of whoever sent the batch, a query or
// another node: if that is sampled, or one of a.Links is valid, the batch is traced as far as the limit on joins
// (ten times Traces.Total) allows. Otherwise the token buckets decide whether the batch starts a trace of its own.
// Unless the batch is traced, Begin allocates nothing; it reads the clock only if a.SendEnd does not say what time
// it is.
//
// A batch that is still open is closed first, without an observation of its latency.
func (w *Worker) Begin(ctx context.Context, a Arrival) Batch {
	if w == nil || w.off {
		return Batch{worker: w, ctx: ctx}
	}
	return w.arrive(ctx, &a)
}

// Trigger opens a batch for a window that a timer closed. It is traced as a root of its own, linked to the
// batches that filled the window, of which the newest Traces.MaxLinks are kept. It is recorded if one of links is
// valid, within the limit on joins; otherwise the token buckets decide.
func (w *Worker) Trigger(ctx context.Context, links ...Link) Batch {
	if w == nil || w.off {
		return Batch{worker: w, ctx: ctx}
	}
	b := w.begin(ctx, time.Time{}, time.Time{})
	w.timer, w.count, w.stream = true, 0, ""
	switch {
	case anyValid(links):
		if w.join() {
			b.ctx = w.startTriggerRoot(b.ctx, links)
		}
	case w.admit():
		b.ctx = w.startTriggerRoot(b.ctx, links)
	}
	w.enter()
	return b
}

// Close closes the open batch, if any, and publishes what was counted. The worker may not be used afterwards.
func (w *Worker) Close() {
	if w == nil || w.off {
		return
	}
	if w.open {
		w.abandon()
	}
	w.last = nil
	w.keepPromise(w.speaker.span.Swap(nil))
	w.query.dismiss(w)
	w.gate.publish(&w.query.app.sdk.decisions, w.sequence)
}
