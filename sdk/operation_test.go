// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// refused is an error that knows its type.
type refused struct{}

func (refused) Error() string     { return "refused" }
func (refused) ErrorType() string { return "connection_refused" }

func TestRareOperationsAreAlwaysRecorded(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Level: telemetry.Detail, Traces: telemetry.Traces{PerQuery: -1, Total: -1}})
	app := sdk.App("orders")
	ctx, checkpoint := app.Operation(t.Context(), telemetry.OperationCheckpoint, attribute.String("eventflux.checkpoint.type", "full"))
	_, part := app.Operation(ctx, telemetry.OperationComponent, attribute.String("eventflux.state.component", "window"))
	part.End()
	checkpoint.End()
	_, recovery := sdk.Operation(t.Context(), telemetry.OperationRecover)
	recovery.Fail(fmt.Errorf("could not recover: %w", refused{}))
	recovery.End()
	_, deploy := app.Operation(t.Context(), telemetry.OperationDeploy)
	deploy.End()
	flush(t, sdk)

	spans := c.allSpans()
	require.Len(t, spans, 4)
	assert.Equal(t, map[string]any{"eventflux.checkpoint.type": "full", "result": "success"}, attributes(spans["checkpoint full"].Attributes))
	assert.Equal(t, spans["checkpoint full"].SpanId, spans["checkpoint.component"].ParentSpanId)
	assert.Equal(t, map[string]any{"eventflux.state.component": "window"}, attributes(spans["checkpoint.component"].Attributes))
	assert.Equal(t, map[string]any{"result": "failure", "error.type": "connection_refused"}, attributes(spans["state.recover"].Attributes))
	assert.Equal(t, tracepb.Status_STATUS_CODE_ERROR, spans["state.recover"].Status.Code)
	assert.Len(t, spans["state.recover"].Events, 1)
	assert.Equal(t, map[string]any{"eventflux.app.name": "orders", "result": "success"}, attributes(spans["app.deploy"].Attributes))
}

func TestMessagesAreRecordedOnlyInsideATrace(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Level: telemetry.Detail})
	about := []attribute.KeyValue{attribute.String("protocol", "tcp"), attribute.String("eventflux.message.type", "events")}
	ctx, none := sdk.Operation(t.Context(), telemetry.OperationSend, about...)
	assert.Equal(t, t.Context(), ctx)
	none.End()
	none.Span(telemetry.StageFilter).End()

	remote := trace.ContextWithRemoteSpanContext(t.Context(), traced(7))
	ctx, receive := sdk.Operation(remote, telemetry.OperationReceive, about...)
	_, send := sdk.Operation(ctx, telemetry.OperationSend, about...)
	assert.Equal(t, trace.SpanContextFromContext(ctx), trace.SpanContextFromContext(receive.Span(telemetry.StageFilter).Context(t.Context())),
		"a stage outside of a batch is not recorded")
	send.End()
	receive.End()
	flush(t, sdk)

	spans := c.allSpans()
	require.Len(t, spans, 2)
	assert.Equal(t, tracepb.Span_SPAN_KIND_CONSUMER, spans["transport.receive events"].Kind)
	assert.Equal(t, tracepb.Span_SPAN_KIND_PRODUCER, spans["transport.send events"].Kind)
	assert.Equal(t, byte(7), spans["transport.receive events"].ParentSpanId[0])
	assert.Equal(t, spans["transport.receive events"].SpanId, spans["transport.send events"].ParentSpanId)
}

func TestOperationsAreLegalWithoutTelemetry(t *testing.T) {
	for name, sdk := range map[string]*telemetry.SDK{"nil": nil, "noop": telemetry.Noop()} {
		t.Run(name, func(t *testing.T) {
			ctx, op := sdk.Operation(t.Context(), telemetry.OperationRecover)
			op.Fail(errors.New("no state"))
			op.Set(telemetry.Retries(1))
			op.End()
			assert.Equal(t, t.Context(), ctx)
			_, op = sdk.App("orders").Operation(t.Context(), telemetry.OperationDeploy)
			op.End()
			var none context.Context
			ctx, _ = sdk.Operation(none, telemetry.Operation(99))
			assert.NotNil(t, ctx)
		})
	}
	assert.Equal(t, "unknown.operation", telemetry.Operation(99).String())
	assert.Equal(t, "checkpoint", telemetry.OperationCheckpoint.String())
}
