// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

func TestAnErrorRecordNamesTheTraceItsBatchGets(t *testing.T) {
	c, sdk, q, local := logging(t, 100)
	w := q.Worker()
	w.Begin(t.Context(), telemetry.Arrival{Count: 1}).End() // takes the query's token
	b := w.Begin(t.Context(), telemetry.Arrival{Count: 7})
	w.Logger().Info("nothing yet")
	w.Logger().Error("it broke", "error", "boom")
	sdk.Logger().ErrorContext(b.Context(), "again")
	w.Logger().Info("now in a trace")
	assert.False(t, b.Sampled(), "it is traced only at its end")
	b.End()
	w.Logger().Error("between batches")
	second := w.Begin(t.Context(), telemetry.Arrival{Count: 1})
	w.Logger().Error("no token left")
	second.End()
	flush(t, sdk)

	all, records := lines(t, local), make(map[string]scoped)
	for _, r := range c.allLogs() {
		records[r.Body.GetStringValue()] = r
	}
	require.Len(t, all, 6)
	for _, i := range []int{0, 4, 5} {
		assert.Empty(t, all[i].Span.TraceID, all[i].Message)
		assert.Empty(t, records[all[i].Message].TraceId, all[i].Message)
	}
	root := c.spanOf(all[1].Span.TraceID)
	require.NotNil(t, root, "the collector has the trace of the record")
	assert.Equal(t, "query.execute q1", root.Name)
	assert.Equal(t, all[1].Span.SpanID, trace.SpanID(root.SpanId).String())
	assert.Equal(t, "late_log", attributes(root.Attributes)["eventflux.sampling.decision"])
	assert.Equal(t, int64(7), attributes(root.Attributes)["event.count"])
	for _, i := range []int{1, 2, 3} {
		assert.Equal(t, all[1].Span, all[i].Span, all[i].Message)
		assert.Equal(t, root.TraceId, records[all[i].Message].TraceId, "OTLP and the local log agree")
		assert.Equal(t, root.SpanId, records[all[i].Message].SpanId)
	}
	assert.Equal(t, 2, c.countRoots())
}

func TestAReservedTraceIsMadeAlsoForABatchThatNobodyEnded(t *testing.T) {
	c, sdk, q, local := logging(t, 100)
	w := q.Worker()
	w.Begin(t.Context(), telemetry.Arrival{Count: 1}).End()
	w.Begin(t.Context(), telemetry.Arrival{Count: 1})
	w.Logger().Error("it broke")
	w.Close()
	flush(t, sdk)
	assert.NotNil(t, c.spanOf(lines(t, local)[0].Span.TraceID))
}

func TestWorkersLoggersConcurrentSafe(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Traces: telemetry.Traces{PerQuery: 300, Total: 1000}})
	w := sdk.App("orders").Query("q1").Worker()
	for w.Begin(context.Background(), telemetry.Arrival{}).Sampled() {
		continue // until batches can be traced after the fact only
	}
	var wg sync.WaitGroup
	var done atomic.Bool
	for range 2 {
		wg.Go(func() {
			for !done.Load() {
				w.Logger().Error("of another goroutine")
				sdk.Logger().Log(w.Context(), slog.LevelError, "of another goroutine")
			}
		})
	}
	for i := range 500 {
		b := w.Begin(context.Background(), telemetry.Arrival{Count: i})
		if i%10 == 0 {
			w.Logger().Error("of its own goroutine")
		}
		b.End()
	}
	done.Store(true)
	wg.Wait()
	w.Close()
	flush(t, sdk)
	traces := make(map[string]bool)
	for _, r := range c.allLogs() {
		if len(r.TraceId) > 0 {
			traces[trace.TraceID(r.TraceId).String()] = true
		}
	}
	require.NotEmpty(t, traces)
	for id := range traces {
		assert.NotNil(t, c.spanOf(id))
	}
}
