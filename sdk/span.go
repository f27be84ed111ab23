// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Span is one stage of a traced batch. It is a value; the zero Span is not recorded and costs nothing. A Span
// belongs to the goroutine that began it, but may end after its batch.
type Span struct {
	own   trace.Span // nil if this span is not recorded itself
	near  trace.Span // own, or the nearest recorded ancestor; nil if the batch is not traced
	query *Query
	count int
}

// Span begins a child. Attributes given here win over the stage's standard ones. Leaf stages are recorded at
// level Detail only; below that the result passes on its ancestor's context.
func (s Span) Span(stage Stage, attrs ...attribute.KeyValue) Span {
	if s.near == nil {
		return Span{}
	}
	return s.begin(stage, slices.Clone(attrs))
}

func (s Span) begin(stage Stage, given []attribute.KeyValue) Span {
	shape := stage.shape()
	child := Span{near: s.near, query: s.query, count: s.count}
	if shape.leaf && s.query.app.sdk.level != Detail {
		return child
	}
	attrs := shape.attributes(s.query, s.count, given)
	ctx := trace.ContextWithSpan(context.Background(), s.near)
	_, child.own = s.query.app.sdk.tracer.Start(ctx, shape.spanName(attrs),
		trace.WithSpanKind(or(shape.kind, trace.SpanKindInternal)), trace.WithAttributes(attrs...))
	child.near = child.own
	return child
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

// Fail marks the span as failed because of err. A nil err does nothing.
func (s Span) Fail(err error) {
	if s.own != nil && err != nil {
		markFailed(s.own, err)
	}
}

// End ends the span. Ending twice is fine.
func (s Span) End() {
	if s.own != nil {
		s.own.End()
	}
}

// markFailed records err on span. Error methods are the host's code, so a panic in one is survived.
func markFailed(span trace.Span, err error) {
	defer func() {
		if p := recover(); p != nil {
			span.SetStatus(codes.Error, fmt.Sprintf("the error's text is not available: %v", p))
		}
	}()
	span.RecordError(err)
	span.SetStatus(codes.Error, err.Error())
}
