// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/health"
)

func TestEveryMethodIsLegalWithoutTelemetry(t *testing.T) {
	for name, sdk := range map[string]*telemetry.SDK{"nil": nil, "noop": telemetry.Noop()} {
		t.Run(name, func(t *testing.T) {
			app := sdk.App("orders")
			assert.Nil(t, app, "there is not even a log to write to")
			app.MemoryFunc("windows", func() int64 { return 1 })
			q := app.Query("q1")
			in, out := q.Input("In"), q.Output("Out")
			q.Errors("parse")
			q.BufferFunc(func() float64 { return 1 })
			q.Window("sliding").SetDuration(time.Second).SizeFunc(func() int64 { return 1 })
			q.Logger().Info("nothing")
			w := q.Worker()
			for _, b := range []telemetry.Batch{w.Begin(t.Context(), telemetry.Arrival{Count: 1}), w.Trigger(t.Context()), {}} {
				assert.NotNil(t, b.Context())
				assert.False(t, b.Sampled())
				b.Processed(in, 1)
				b.Emitted(out, 1)
				b.Error("parse", errors.New("no number"))
				s := b.Span(telemetry.StageFilter)
				s.Span(telemetry.StageExpression).End()
				s.Set()
				s.Fail(errors.New("no number"))
				assert.Equal(t, t.Context(), s.Context(t.Context()))
				s.End()
				assert.False(t, b.Link().Valid())
				b.EndAt(time.Now())
				b.End()
			}
			w.Logger().Error("nothing")
			sdk.Logger().ErrorContext(w.Context(), "nothing")
			w.Close()
			s := app.Stream("In")
			s.Received(1)
			s.Sent(1)
			s.Backpressure(1)
			s.Subscribers(1)
			s.BufferFunc(func() int64 { return 1 })
			s.OldestFunc(func() time.Duration { return 1 })
			s.Close()
			conns := app.Connections("grpc")
			conns.Opened()
			conns.Closed()
			conns.Failed("refused")
			conns.Error("reset")
			q.Close()
			app.Close()
			unregister, err := sdk.Health().Register("sink", health.CheckFunc(func(context.Context) health.Result {
				return health.Result{Status: health.Healthy}
			}))
			require.NoError(t, err)
			unregister()
			assert.Equal(t, health.Healthy, sdk.Health().Status())
			sdk.Logger().Info("nothing")
			assert.NotNil(t, sdk.LogHandler())
			assert.NotNil(t, sdk.Propagator())
			require.NoError(t, sdk.ForceFlush(t.Context()))
			require.NoError(t, sdk.Shutdown(context.Background()))
			require.NoError(t, sdk.Shutdown(context.Background()))
		})
	}
}

func TestHandlesAreLegalAfterShutdown(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	q := sdk.App("orders").Query("q1")
	w := q.Worker()
	require.NoError(t, sdk.Shutdown(t.Context()))
	b := w.Begin(t.Context(), telemetry.Arrival{Count: 1})
	assert.False(t, b.Sampled(), "nothing is traced any more")
	q.Logger().Info("late")
	b.End()
	b.End()
	q.Close()
	q.Close()
}
