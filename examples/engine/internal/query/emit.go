// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

// emit puts rows into the output stream: into the queues of the queries that
// read it, and out through its sinks. It returns when that was, or zero if it was
// more than a hand-over that did not wait.
func (q *Query) emit(ctx context.Context, b telemetry.Batch, rows *event.Batch) (handed time.Time, err error) {
	n := rows.Len()
	if n == 0 {
		return time.Time{}, nil
	}
	span := b.Span(telemetry.StageOutput, attribute.Int("event.count", n))
	defer span.End()
	sent := time.Now()
	waited, err := q.Into.Publish(ctx, junction.Message{Ctx: b.Context(), Batch: rows, Born: q.born, Sent: sent})
	b.Blocked(waited)
	if err != nil {
		return time.Time{}, fmt.Errorf("publish to %s: %w", q.Into.Name(), err)
	}
	b.Emitted(q.output, n)
	q.emitted.Add(int64(n))
	q.emitMetrics(rows)
	for _, o := range q.outlets {
		if err := q.deliver(ctx, b, span, o, rows); err != nil {
			if err = q.refused(ctx, b, rows, err); err != nil {
				return time.Time{}, err
			}
			continue
		}
		o.took(n)
		q.meter.arrived(o, q.born)
	}
	if waited > 0 || len(q.outlets)+len(q.metrics) > 0 {
		return time.Time{}, nil
	}
	return sent, nil
}

// refused finds a place for rows that a sink will never take.
func (q *Query) refused(ctx context.Context, b telemetry.Batch, rows *event.Batch, err error) error {
	if q.Refused == nil || !sink.IsPermanent(err) {
		return err
	}
	return q.Refused(ctx, b, rows, err)
}

func (q *Query) deliver(ctx context.Context, b telemetry.Batch, parent telemetry.Span, o *outlet, rows *event.Batch) error {
	kind, n := attribute.String("eventflux.sink.type", o.Type()), attribute.Int("event.count", rows.Len())
	span := parent.Span(telemetry.StageFormat, kind, n)
	start := time.Now()
	err := o.Format(rows)
	o.formatted(time.Since(start), err)
	span.Fail(err)
	span.End()
	if err != nil {
		b.Error(ErrorSinkSend, err)
		return fmt.Errorf("format %d events for %s: %w", rows.Len(), o.Target(), err)
	}
	span = parent.Span(telemetry.StageSend, kind, n)
	defer span.End()
	// What is sent carries this span's context, so the receiver's trace goes on from here, and the batch's baggage.
	if b.Sampled() {
		ctx = baggage.ContextWithBaggage(ctx, baggage.FromContext(b.Context()))
	}
	e, err := q.persist(span.Context(ctx), o, o.send, func(err error) { b.Error(ErrorSinkSend, err) })
	if e.retries > 0 {
		span.Set(telemetry.Retries(e.retries))
		b.Blocked(e.waited)
	}
	span.Fail(err)
	return err
}

func (q *Query) finishSinks(ctx context.Context) error {
	for _, o := range q.outlets {
		failed := func(err error) { // no batch is open that could count it
			b := q.worker.Begin(q.worker.Context(), telemetry.Arrival{Stream: q.From[0].Stream()})
			b.Error(ErrorSinkSend, err)
			b.End()
		}
		if _, err := q.persist(ctx, o, o.Finish, failed); err != nil {
			return err
		}
	}
	return nil
}

// The pause between two attempts to deliver doubles from first to longest.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// effort is what a delivery took beyond its last attempt.
type effort struct {
	retries int
	waited  time.Duration // attempts that failed, and the pauses after them
}

// persist calls attempt until it succeeds, ctx ends or the error is permanent.
// Meanwhile the query stands still and back-pressure builds up behind it.
func (q *Query) persist(ctx context.Context, o *outlet, attempt func(context.Context) error, failed func(error)) (effort, error) {
	pause, begin := firstPause, time.Now()
	for e := (effort{}); ; e.retries++ {
		q.held(ctx, AtDelivery)
		err := q.refuses(o)
		if err == nil {
			err = attempt(ctx)
		}
		if err == nil {
			if e.retries > 0 {
				q.logger.InfoContext(ctx, "sink takes events again", "sink", o.Target())
			}
			return e, nil
		}
		if ctx.Err() == nil {
			q.failures.Add(1)
			o.refused()
			failed(err)
		}
		if sink.IsPermanent(err) {
			return e, sendError{fmt.Errorf("deliver to %s: %w", o.Target(), err)}
		}
		if e.retries == 0 {
			q.trouble(ctx, o, err)
		}
		if !sleep(ctx, max(pause, sink.Pause(err))) {
			return e, sendError{fmt.Errorf("deliver to %s: gave up: %w", o.Target(), err)}
		}
		pause = min(2*pause, longestPause)
		e.waited = time.Since(begin)
		o.retries.Inc()
	}
}

func (q *Query) refuses(o *outlet) error {
	if q.Refuse == nil {
		return nil
	}
	return q.Refuse(o.Sink)
}

func (q *Query) trouble(ctx context.Context, s sink.Sink, err error) {
	q.logger.ErrorContext(ctx, "sink does not take events; waiting for it",
		"sink", s.Target(), "error", err.Error(), "advice", s.Advice())
	if q.OnTrouble != nil {
		q.OnTrouble(s, err)
	}
}

// sleep reports whether the whole time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
