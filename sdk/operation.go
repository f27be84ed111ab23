// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// Operation is one kind of work outside of batches. It decides the name, kind and standard attributes of a span,
// and whether it is recorded.
type Operation uint8

// The operations of an engine. Those marked rare are always recorded; the others follow the trace in the context
// they are given, and are not recorded without one.
const (
	OperationCheckpoint Operation = iota + 1 // checkpoint {eventflux.checkpoint.type}, rare
	OperationComponent                       // checkpoint.component, part of a checkpoint
	OperationRecover                         // state.recover, rare
	OperationDeploy                          // app.deploy, rare
	OperationSend                            // transport.send {eventflux.message.type}
	OperationReceive                         // transport.receive {eventflux.message.type}
)

// operationShape is what the conventions say about an operation.
type operationShape struct {
	shape

	always bool // recorded also without a trace around it
	result bool // carries result
	app    bool // carries eventflux.app.name
}

var operations = [...]operationShape{
	OperationCheckpoint: {shape: shape{name: "checkpoint", nameKey: semconv.CheckpointTypeKey}, always: true, result: true},
	OperationComponent:  {shape: shape{name: "checkpoint.component", leaf: true}},
	OperationRecover:    {shape: shape{name: "state.recover"}, always: true, result: true},
	OperationDeploy:     {shape: shape{name: "app.deploy"}, always: true, result: true, app: true},
	OperationSend:       {shape: shape{name: "transport.send", nameKey: semconv.MessageTypeKey, kind: trace.SpanKindProducer, leaf: true}},
	OperationReceive:    {shape: shape{name: "transport.receive", nameKey: semconv.MessageTypeKey, kind: trace.SpanKindConsumer, leaf: true}},
}

var (
	resultSuccess = semconv.ResultKey.String("success")
	resultFailure = semconv.ResultKey.String("failure")
)

// String returns the operation's span name without the part that varies.
func (o Operation) String() string {
	return o.shape().name
}

func (o Operation) shape() operationShape {
	if o == 0 || int(o) >= len(operations) {
		return operationShape{shape: shape{name: "unknown.operation"}}
	}
	return operations[o]
}

// Operation begins a span for work outside of batches, a child of the sampled span in ctx or else a root, and
// returns it with ctx as its context. If it is not recorded, ctx comes back as it is: parts of checkpoints and
// messages between nodes are recorded at level Detail only.
//
// A checkpoint, a recovery or a deployment carries result: "success" unless Fail was called. Messages from outside
// that arrive sampled count against the limit on joins, ten times Traces.Total per second.
//
// Safe for concurrent use; the Span belongs to the goroutine that began it.
func (s *SDK) Operation(ctx context.Context, o Operation, attrs ...attribute.KeyValue) (context.Context, Span) {
	if ctx == nil {
		ctx = context.Background()
	}
	if s == nil || s.tracer == nil {
		return ctx, Span{}
	}
	parent := trace.SpanContextFromContext(ctx)
	if !s.records(o.shape(), parent) {
		return ctx, Span{}
	}
	return s.operation(ctx, o.shape(), parent.IsSampled(), slices.Clone(attrs))
}

// Operation is SDK.Operation for work on one application: the deployment's span carries eventflux.app.name.
func (a *App) Operation(ctx context.Context, o Operation, attrs ...attribute.KeyValue) (context.Context, Span) {
	if a == nil {
		return (*SDK)(nil).Operation(ctx, o)
	}
	if o.shape().app && a.name != "" && !has(attrs, semconv.AppNameKey) {
		attrs = append(slices.Clip(attrs), semconv.AppNameKey.String(a.name))
	}
	return a.sdk.Operation(ctx, o, attrs...)
}

// records decides whether an operation below parent is recorded.
func (s *SDK) records(kind operationShape, parent trace.SpanContext) bool {
	switch {
	case kind.leaf && s.level != Detail:
		return false
	case kind.always:
		return !s.gates.stopped.Load()
	case !parent.IsSampled():
		return false
	default:
		return !parent.IsRemote() || s.gates.join.take(int64(s.since()))
	}
}

func (s *SDK) operation(ctx context.Context, kind operationShape, child bool, attrs []attribute.KeyValue) (context.Context, Span) {
	if kind.result && !has(attrs, semconv.ResultKey) {
		attrs = append(attrs, resultSuccess)
	}
	opts := []trace.SpanStartOption{
		trace.WithSpanKind(or(kind.kind, trace.SpanKindInternal)), trace.WithAttributes(attrs...),
	}
	if !child {
		opts = append(opts, trace.WithNewRoot())
	}
	traced, span := s.tracer.Start(ctx, kind.spanName(attrs), opts...)
	if !span.IsRecording() {
		return ctx, Span{}
	}
	return traced, Span{in: &tracing{near: span, recorded: true, result: kind.result, errors: s.errors}}
}
