// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// admitLate reports whether a batch may be traced after the fact now, in time since the SDK's start.
func (q *Query) admitLate(now time.Duration) bool {
	return q.late.take(int64(now)) && q.app.sdk.gates.late.take(int64(now))
}

// promote traces the open batch after the fact, as one root span. sc is what a log record reserved, or nil.
// It returns the root's span context, or nil if the buckets or the tracer refuse.
func (w *Worker) promote(latency time.Duration, sc *trace.SpanContext) *trace.SpanContext {
	sdk := w.query.app.sdk
	reserved := sc != nil
	if !reserved && !w.query.admitLate(w.started+latency) {
		return nil
	}
	ctx := context.Background()
	if reserved {
		ctx = context.WithValue(ctx, reservedKey{}, sc)
	}
	end, reason := time.Now(), w.reason(latency)
	_, span := sdk.tracer.Start(ctx, w.query.rootName, trace.WithNewRoot(), trace.WithTimestamp(end.Add(-latency)),
		trace.WithAttributes(w.rootAttributes(semconv.EventCountKey.Int(w.count), semconv.SamplingDecisionKey.String(reason.String()))...))
	if !span.IsRecording() {
		return nil
	}
	if w.failure.seen {
		w.failure.mark(span, sdk.errors)
	}
	span.End(trace.WithTimestamp(end))
	w.gate.promoted(&sdk.decisions, reason)
	made := span.SpanContext()
	return &made
}

// reason says why the open batch is traced after the fact.
func (w *Worker) reason(latency time.Duration) decision {
	switch {
	case w.failure.seen:
		return lateError
	case latency >= w.slow:
		return lateSlow
	default:
		return lateLog
	}
}

// mark puts the failure on span: status, error.type and, if there is an error, an exception event.
func (f failure) mark(span trace.Span, sink *errorSink) {
	if f.errorType != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(f.errorType))
	}
	if f.err == nil {
		span.SetStatus(codes.Error, f.errorType)
		return
	}
	if text, ok := recordException(span, f.err, sink); ok {
		span.SetStatus(codes.Error, text)
	} else {
		span.SetStatus(codes.Error, "the error's text is not available: "+text)
	}
}

// recordException adds the exception event and returns err's text. Error methods are the host's code, so a panic
// in one is survived; ok is false then, and text says what it was.
func recordException(span trace.Span, err error, sink *errorSink) (text string, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			text, ok = fmt.Sprint(p), false
			sink.panicked(&sink.panics.span, "could not read an error for its span", p)
		}
	}()
	text = err.Error()
	span.RecordError(err)
	return text, true
}

// typeOf returns the value of error.type for err.
func typeOf(err error) (name string) {
	defer func() {
		if p := recover(); p != nil {
			name = otherError
		}
	}()
	if named, ok := errors.AsType[interface {
		error
		ErrorType() string
	}](err); ok {
		return named.ErrorType()
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return fmt.Sprintf("%T", err)
		}
		err = inner
	}
}
