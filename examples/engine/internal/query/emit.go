// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

// emit puts rows into the output stream: into the queues of the queries that
// read it, and out through its sinks.
func (q *Query) emit(ctx context.Context, b telemetry.Batch, rows *event.Batch) error {
	n := rows.Len()
	if n == 0 {
		return nil
	}
	span := b.Span(telemetry.StageOutput, attribute.Int("event.count", n))
	defer span.End()
	if err := q.Into.Publish(ctx, junction.Message{Ctx: b.Context(), Batch: rows}); err != nil {
		return fmt.Errorf("publish to %s: %w", q.Into.Name(), err)
	}
	b.Emitted(q.output, n)
	q.emitted.Add(int64(n))
	for _, s := range q.Sinks {
		if err := q.deliver(ctx, b, span, s, rows); err != nil {
			return err
		}
		q.delivered(n)
	}
	return nil
}

func (q *Query) deliver(ctx context.Context, b telemetry.Batch, parent telemetry.Span, s sink.Sink, rows *event.Batch) error {
	kind, n := attribute.String("eventflux.sink.type", s.Type()), attribute.Int("event.count", rows.Len())
	span := parent.Span(telemetry.StageFormat, kind, n)
	err := s.Format(rows)
	span.Fail(err)
	span.End()
	if err != nil {
		b.Error(ErrorSinkSend, err)
		return fmt.Errorf("format %d events for %s: %w", rows.Len(), s.Target(), err)
	}
	span = parent.Span(telemetry.StageSend, kind, n)
	defer span.End()
	// What is sent carries this span's context, so the receiver's trace goes on from here.
	err = q.persist(span.Context(ctx), s, s.Send, func(err error) { b.Error(ErrorSinkSend, err) })
	span.Fail(err)
	return err
}

func (q *Query) finishSinks(ctx context.Context) error {
	for _, s := range q.Sinks {
		failed := func(err error) { // no batch is open that could count it
			b := q.worker.Begin(context.WithoutCancel(ctx), telemetry.Arrival{Stream: q.From.Stream()})
			b.Error(ErrorSinkSend, err)
			b.End()
		}
		if err := q.persist(ctx, s, s.Finish, failed); err != nil {
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

// persist calls attempt until it succeeds, ctx ends or the error is permanent.
// Meanwhile the query stands still and back-pressure builds up behind it.
func (q *Query) persist(ctx context.Context, s sink.Sink, attempt func(context.Context) error, failed func(error)) error {
	pause := firstPause
	for down := false; ; down = true {
		err := attempt(ctx)
		if err == nil {
			if down {
				q.logger.InfoContext(ctx, "sink takes events again", "sink", s.Target())
			}
			return nil
		}
		if ctx.Err() == nil {
			q.failures.Add(1)
			failed(err)
		}
		if sink.IsPermanent(err) {
			return fmt.Errorf("deliver to %s: %w", s.Target(), err)
		}
		if !down {
			q.trouble(ctx, s, err)
		}
		if !sleep(ctx, pause) {
			return fmt.Errorf("deliver to %s: gave up: %w", s.Target(), err)
		}
		pause = min(2*pause, longestPause)
	}
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
