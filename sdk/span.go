// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// Span is one stage of a batch. It is a value; the zero Span is not recorded and costs nothing. A Span belongs to
// the goroutine that began it, but may end after its batch.
type Span struct {
	in    *tracing // nil if nothing around it is recorded
	label label
}

// tracing is what a Span needs to know about its trace.
type tracing struct {
	near     trace.Span      // this span or the nearest ancestor that is recorded
	ctx      context.Context //nolint:containedctx // where near's children begin; they are begun without one
	recorded bool            // near is this span
	query    *Query          // nil if the span is not part of a batch
	count    int
	result   bool // reports its success in the attribute result
	errors   *errorSink
}

// Span begins a child. Attributes given here win over the stage's standard ones. Leaf stages are recorded at
// level Detail only; below that the result passes on its ancestor's context.
func (s Span) Span(stage Stage, attrs ...attribute.KeyValue) Span {
	if s.in == nil && s.label.worker == nil {
		return Span{}
	}
	return s.begin(stage, attrs)
}

func (s Span) begin(stage Stage, attrs []attribute.KeyValue) Span {
	child := Span{in: s.in, label: s.label.inside(stage)}
	if s.in != nil && s.in.query != nil {
		child.in = s.in.child(stage, attrs)
	}
	return child
}

// attributeScratch is where the attributes of a span are put together.
var attributeScratch = sync.Pool{New: func() any { return new([]attribute.KeyValue) }}

// child begins a span in the trace. If its level is not recorded, the result passes on the ancestor.
func (t *tracing) child(stage Stage, given []attribute.KeyValue) *tracing {
	child := &tracing{near: t.near, ctx: t.ctx, query: t.query, count: t.count, errors: t.errors}
	shape, sdk := stage.shape(), t.query.app.sdk
	if shape.leaf && sdk.level != Detail {
		return child
	}
	scratch := attributeScratch.Get().(*[]attribute.KeyValue)
	attrs := shape.attributes((*scratch)[:0], t.query, t.count, given)
	if name := shape.spanName(attrs); shape.kind == trace.SpanKindUnspecified {
		child.ctx, child.near = sdk.tracer.Start(t.ctx, name)
	} else {
		child.ctx, child.near = sdk.tracer.Start(t.ctx, name, trace.WithSpanKind(shape.kind))
	}
	child.near.SetAttributes(attrs...) // which copies them, once; an option of Start would twice
	*scratch = attrs
	attributeScratch.Put(scratch)
	child.recorded = true
	return child
}

// Set adds attributes, such as a count that is known only at the end.
func (s Span) Set(attrs ...attribute.KeyValue) {
	if s.in != nil && s.in.recorded {
		s.in.near.SetAttributes(slices.Clone(attrs)...)
	}
}

// Context returns ctx with this span in it, or with the nearest ancestor that is recorded. Use it for logging
// and for propagation to other nodes. If the batch is not traced it returns ctx itself.
func (s Span) Context(ctx context.Context) context.Context {
	if s.in == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, s.in.near)
}

// Fail marks the span as failed because of err: status, error.type and an exception event. error.type is what an
// ErrorType method in err's chain returns, else the Go type of its innermost error. A nil err does nothing.
func (s Span) Fail(err error) {
	if s.in == nil || !s.in.recorded || err == nil {
		return
	}
	failure{errorType: typeOf(err), err: err}.mark(s.in.near, s.in.errors)
	if s.in.result {
		s.in.near.SetAttributes(resultFailure)
	}
}

// End ends the span. Ending twice is fine.
func (s Span) End() {
	if s.in != nil || s.label.worker != nil {
		s.end()
	}
}

func (s Span) end() {
	if s.in != nil && s.in.recorded {
		s.in.near.End()
	}
	s.label.restore()
}

// Retries returns the attribute that says how often an operation was repeated before it succeeded or was given
// up, for Span.Set and for the beginning of a span.
func Retries(n int) attribute.KeyValue {
	return semconv.RetryCountKey.Int(n)
}
