// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// lateOnly traces nothing at Begin, so that what is traced was traced after the fact. The buckets for that have
// the default rates.
func lateOnly(t *testing.T) (*collector, *telemetry.SDK) {
	t.Helper()
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Traces: telemetry.Traces{PerQuery: 1, Total: 1}})
	spent := sdk.App("").Query("spent").Worker()
	require.True(t, spent.Begin(t.Context(), telemetry.Arrival{Count: 1}).Sampled())
	spent.Close()
	return c, sdk
}

func TestASlowBatchBecomesOneSpanWithItsOwnTimes(t *testing.T) {
	c, sdk := lateOnly(t)
	q := sdk.App("orders").Query("q1")
	q.Input("In")
	w := q.Worker()
	before := time.Now()
	b := w.Begin(t.Context(), telemetry.Arrival{Count: 64, SendStart: before.Add(-100 * time.Millisecond)})
	assert.False(t, b.Sampled())
	b.End()
	w.Begin(t.Context(), telemetry.Arrival{Count: 64, SendStart: time.Now().Add(-50 * time.Millisecond)}).End()
	flush(t, sdk)

	root := c.allSpans()["query.execute q1"]
	require.NotNil(t, root)
	assert.Equal(t, map[string]any{
		"query.id": "q1", "stream.name": "In", "event.count": int64(64), "eventflux.app.name": "orders",
		"eventflux.sampling.decision": "late_slow",
	}, attributes(root.Attributes))
	assert.Empty(t, root.ParentSpanId)
	assert.Equal(t, tracepb.Status_STATUS_CODE_UNSET, root.Status.GetCode())
	assert.WithinDuration(t, before.Add(-100*time.Millisecond), time.Unix(0, int64(root.StartTimeUnixNano)), 50*time.Millisecond)
	assert.GreaterOrEqual(t, root.EndTimeUnixNano-root.StartTimeUnixNano, uint64(100*time.Millisecond))

	point := c.newest()["query.latency"].GetHistogram().DataPoints
	for _, p := range point {
		if attributes(p.Attributes)["query.id"] == "q1" {
			require.Len(t, p.Exemplars, 1, "only the traced batch has one")
			assert.Equal(t, root.TraceId, p.Exemplars[0].TraceId)
			assert.Equal(t, uint64(2), p.Count)
		}
	}
}

func TestAFailedBatchBecomesOneSpanWithItsFirstError(t *testing.T) {
	c, sdk := lateOnly(t)
	b := sdk.App("").Query("q1").Worker().Begin(t.Context(), telemetry.Arrival{Count: 3, Stream: "In"})
	b.Error("parse", errors.New("no number"))
	b.Error("write", errors.New("disk full"))
	b.End()
	flush(t, sdk)

	root := c.allSpans()["query.execute q1"]
	require.NotNil(t, root)
	assert.Equal(t, map[string]any{
		"query.id": "q1", "stream.name": "In", "event.count": int64(3), "error.type": "parse",
		"eventflux.sampling.decision": "late_error",
	}, attributes(root.Attributes))
	assert.Equal(t, tracepb.Status_STATUS_CODE_ERROR, root.Status.Code)
	assert.Equal(t, "no number", root.Status.Message)
	require.Len(t, root.Events, 1)
	assert.Equal(t, "exception", root.Events[0].Name)
	assert.Equal(t, map[string]any{"exception.type": "*errors.errorString", "exception.message": "no number"},
		attributes(root.Events[0].Attributes), "no stack trace")
}

func TestATracedBatchKeepsTheTypeOfItsFirstErrorAndAllExceptions(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	b := sdk.App("").Query("q1").Worker().Begin(t.Context(), telemetry.Arrival{Count: 3})
	b.Error("parse", errors.New("no number"))
	b.Error("write", errors.New("disk full"))
	b.End()
	flush(t, sdk)
	root := c.allSpans()["query.execute q1"]
	assert.Equal(t, "parse", attributes(root.Attributes)["error.type"])
	assert.Equal(t, "no number", root.Status.Message)
	assert.Len(t, root.Events, 2)
}

func TestAnErrorWithoutAnErrorValueHasAStatusAndNoException(t *testing.T) {
	c, sdk := lateOnly(t)
	b := sdk.App("").Query("q1").Worker().Begin(t.Context(), telemetry.Arrival{Count: 1})
	b.Error("parse", nil)
	b.End()
	flush(t, sdk)
	root := c.allSpans()["query.execute q1"]
	assert.Equal(t, "parse", root.Status.Message)
	assert.Empty(t, root.Events)
}

func TestLateSpansAreBoundedPerQuery(t *testing.T) {
	c, sdk := lateOnly(t)
	w := sdk.App("").Query("q1").Worker()
	for range 100 {
		b := w.Begin(t.Context(), telemetry.Arrival{Count: 1})
		b.Error("parse", nil)
		b.End()
	}
	flush(t, sdk)
	assert.Equal(t, 1, c.countRoots(), "one token per second")
}

func TestNegativeSlowPromotesNoSlowBatch(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Traces: telemetry.Traces{Slow: -1, PerQuery: 1}})
	w := sdk.App("").Query("q1").Worker()
	w.Begin(t.Context(), telemetry.Arrival{Count: 1}).End()
	w.Begin(t.Context(), telemetry.Arrival{Count: 1, SendStart: time.Now().Add(-time.Hour)}).End()
	flush(t, sdk)
	assert.Equal(t, 1, c.countRoots(), "the one that was traced from its beginning")
}

func TestABatchThatNobodyEndedLeavesNoTraceOfItsFailure(t *testing.T) {
	c, sdk := lateOnly(t)
	w := sdk.App("").Query("q1").Worker()
	w.Begin(t.Context(), telemetry.Arrival{Count: 1}).Error("parse", nil)
	b := w.Begin(t.Context(), telemetry.Arrival{Count: 1})
	b.End()
	b.End()
	flush(t, sdk)
	assert.Zero(t, c.countRoots(), "its failure is not the next batch's")
}

// panics is an error of a host that went wrong.
type panics struct{}

func (panics) Error() string     { panic("no text") }
func (panics) ErrorType() string { panic("no type") }

func TestPanicsInErrorMethodsStayInside(t *testing.T) {
	c, sdk := lateOnly(t)
	late := sdk.App("").Query("q1").Worker().Begin(t.Context(), telemetry.Arrival{Count: 1})
	late.Error("parse", panics{})
	late.End()
	_, op := sdk.Operation(t.Context(), telemetry.OperationRecover)
	op.Fail(panics{})
	op.End()
	op.End()
	op.Set(telemetry.Retries(1))
	op.Fail(errors.New("too late"))
	flush(t, sdk)
	assert.Equal(t, "the error's text is not available: no text", c.allSpans()["query.execute q1"].Status.Message)
	recovery := c.allSpans()["state.recover"]
	assert.Equal(t, map[string]any{"result": "failure", "error.type": "_OTHER"}, attributes(recovery.Attributes))
}
