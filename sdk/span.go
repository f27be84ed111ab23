// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Span is one stage of a batch. It is a value; the zero Span is not recorded and costs nothing. A Span belongs to
// the goroutine that began it, but may end after its batch.
type Span struct {
	own      trace.Span // nil if this span is not recorded itself
	near     trace.Span // own, or the nearest recorded ancestor; nil if there is none
	worker   *Worker    // nil if the span is not part of a batch
	sequence uint64     // of the batch
	count    int
	stage    Stage
	outer    Stage // whose profile label returns when this span ends
	result   bool  // reports its success in the attribute result
}

// Span begins a child. Attributes given here win over the stage's standard ones. Leaf stages are recorded at
// level Detail only; below that the result passes on its ancestor's context.
func (s Span) Span(stage Stage, attrs ...attribute.KeyValue) Span {
	if s.worker == nil {
		return Span{near: s.near}
	}
	return s.begin(stage, attrs)
}

func (s Span) begin(stage Stage, attrs []attribute.KeyValue) Span {
	child := Span{near: s.near, worker: s.worker, sequence: s.sequence, count: s.count, stage: stage, outer: s.stage}
	if s.worker.labels != nil {
		s.worker.labelStage(s.sequence, stage)
	}
	if s.near != nil {
		child.record(slices.Clone(attrs))
	}
	return child
}

// record begins the span in the trace, if its level is recorded.
func (s *Span) record(given []attribute.KeyValue) {
	shape, query := s.stage.shape(), s.worker.query
	if shape.leaf && query.app.sdk.level != Detail {
		return
	}
	attrs := shape.attributes(query, s.count, given)
	ctx := trace.ContextWithSpan(context.Background(), s.near)
	_, s.own = query.app.sdk.tracer.Start(ctx, shape.spanName(attrs),
		trace.WithSpanKind(or(shape.kind, trace.SpanKindInternal)), trace.WithAttributes(attrs...))
	s.near = s.own
}

// Set adds attributes, such as a count that is known only at the end.
func (s Span) Set(attrs ...attribute.KeyValue) {
	if s.own != nil {
		s.own.SetAttributes(slices.Clone(attrs)...)
	}
}

// Context returns ctx with this span in it, or with the nearest ancestor that is recorded. Use it for logging
// and for propagation to other nodes. If the batch is not traced it returns ctx itself.
func (s Span) Context(ctx context.Context) context.Context {
	if s.near == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, s.near)
}

// Fail marks the span as failed because of err: status, error.type and an exception event. error.type is what an
// ErrorType method in err's chain returns, else the Go type of its innermost error. A nil err does nothing.
func (s Span) Fail(err error) {
	if s.own == nil || err == nil {
		return
	}
	failure{errorType: typeOf(err), err: err}.mark(s.own)
	if s.result {
		s.own.SetAttributes(resultFailure)
	}
}

// End ends the span. Ending twice is fine.
func (s Span) End() {
	if s.own != nil {
		s.own.End()
	}
	if s.worker != nil && s.worker.labels != nil {
		s.worker.unlabelStage(s.sequence, s.stage, s.outer)
	}
}

// Retries returns the attribute that says how often an operation was repeated before it succeeded or was given
// up, for Span.Set and for the beginning of a span.
func Retries(n int) attribute.KeyValue {
	return keyRetryCount.Int(n)
}
