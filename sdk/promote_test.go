// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// line is one line of the local log.
type line struct {
	Level, Target, Message string
	Fields                 map[string]any
	Span                   struct {
		TraceID string `json:"trace_id"`
		SpanID  string `json:"span_id"`
	}
}

func lines(t *testing.T, log *bytes.Buffer) []line {
	t.Helper()
	var all []line
	for text := range strings.Lines(log.String()) {
		assert.LessOrEqual(t, strings.Count(text, `"query.id"`), 1, text)
		assert.LessOrEqual(t, strings.Count(text, `"stream.name"`), 1, text)
		var l line
		require.NoError(t, json.Unmarshal([]byte(text), &l), text)
		all = append(all, l)
	}
	return all
}

// logging is an SDK whose one query traces one batch per second: the first.
func logging(t *testing.T, total float64) (*collector, *telemetry.SDK, *telemetry.Query, *bytes.Buffer) {
	t.Helper()
	c := newCollector(t, telemetry.ProtocolGRPC)
	var local bytes.Buffer
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Traces: telemetry.Traces{PerQuery: 1, Total: total}}, telemetry.WithLogWriter(&local))
	q := sdk.App("orders").Query("q1")
	q.Input("In")
	return c, sdk, q, &local
}

func TestRecordsOfAWorkerHaveBothFieldsOnceAndTheSpanOfTheirBatch(t *testing.T) {
	c, sdk, q, local := logging(t, 1)
	w := q.Worker()
	bg := context.Background()
	ways := map[string]func(b telemetry.Batch, message string){
		"worker logger":                func(_ telemetry.Batch, m string) { w.Logger().Info(m) },
		"worker logger and context":    func(_ telemetry.Batch, m string) { w.Logger().InfoContext(w.Context(), m) },
		"SDK logger, worker context":   func(_ telemetry.Batch, m string) { sdk.Logger().InfoContext(w.Context(), m) },
		"query logger, worker context": func(_ telemetry.Batch, m string) { q.Logger().InfoContext(w.Context(), m) },
		"SDK logger, batch context":    func(b telemetry.Batch, m string) { sdk.Logger().InfoContext(b.Context(), m) },
		"worker logger, batch context": func(b telemetry.Batch, m string) { w.Logger().InfoContext(b.Context(), m) },
		"derived":                      func(_ telemetry.Batch, m string) { sdk.Logger().With("n", 1).InfoContext(w.Context(), m) },
		"named by the record": func(_ telemetry.Batch, m string) {
			sdk.Logger().InfoContext(w.Context(), m, "query.id", "q1", "stream.name", "In")
		},
		"many attributes": func(_ telemetry.Batch, m string) {
			sdk.Logger().InfoContext(w.Context(), m, "a", 1, "b", 2, "c", 3, "d", 4, "e", 5, "f", 6)
		},
	}
	for name, log := range ways {
		for _, ctx := range []context.Context{bg, t.Context(), w.Context()} {
			b := w.Begin(ctx, telemetry.Arrival{Count: 1})
			log(b, name)
			b.End()
		}
		log(telemetry.Batch{}, name+", no batch")
	}
	flush(t, sdk)
	records := c.allLogs()
	all := lines(t, local)
	require.Len(t, records, len(all))
	knows := func(message string) bool { // the zero Batch knows no query
		return !strings.HasSuffix(message, "SDK logger, batch context, no batch")
	}
	for _, r := range records {
		if message := r.Body.GetStringValue(); knows(message) {
			fields := attributes(r.Attributes)
			assert.Equal(t, "q1", fields["query.id"], message)
			assert.Equal(t, "In", fields["stream.name"], message)
		}
	}
	traced := 0
	for _, l := range all {
		if knows(l.Message) {
			assert.Equal(t, "q1", l.Fields["query.id"], l.Message)
			assert.Equal(t, "In", l.Fields["stream.name"], l.Message)
		}
		if l.Span.TraceID != "" {
			traced++
			assert.Equal(t, l.Span.TraceID, trace.TraceID(c.allSpans()["query.execute q1"].TraceId).String())
		}
	}
	assert.Equal(t, 1, traced, "one batch was traced, the first")
}

func TestFieldsStayAtTopLevelBelowAGroup(t *testing.T) {
	c, sdk, q, local := logging(t, 1)
	w := q.Worker()
	sdk.Logger().With("n", 1).WithGroup("http").With("code", 200).InfoContext(w.Context(), "sent", "size", 3)
	w.Logger().WithGroup("http").Info("sent", "query.id", "inner")
	flush(t, sdk)
	all := lines(t, local)
	assert.Equal(t, map[string]any{"query.id": "q1", "stream.name": "In", "n": 1.0, "http.code": 200.0, "http.size": 3.0}, all[0].Fields)
	assert.Equal(t, map[string]any{"query.id": "q1", "stream.name": "In", "http.query.id": "inner"}, all[1].Fields)
	assert.Equal(t, map[string]any{"query.id": "q1", "stream.name": "In", "n": int64(1), "http": map[string]any{"code": int64(200), "size": int64(3)}},
		attributes(c.allLogs()[0].Attributes))
}

func TestARecordAboutAnotherQueryGetsNothingOfTheContexts(t *testing.T) {
	_, sdk, q, local := logging(t, 1)
	other := sdk.App("orders").Query("q2")
	other.Logger().InfoContext(q.Worker().Context(), "about q2")
	assert.Equal(t, map[string]any{"query.id": "q2"}, lines(t, local)[0].Fields)
}

func TestAWorkerBoundBeforeItsInputNamesTheStreamLater(t *testing.T) {
	_, sdk, _, local := logging(t, 1)
	q := sdk.App("orders").Query("q3")
	w := q.Worker()
	w.Logger().Info("before")
	q.Input("Late")
	w.Logger().Info("after")
	all := lines(t, local)
	assert.Equal(t, map[string]any{"query.id": "q3"}, all[0].Fields)
	assert.Equal(t, map[string]any{"query.id": "q3", "stream.name": "Late"}, all[1].Fields)
}

func TestTheContextOfOneWorkersBatchSpeaksForTheNextWorker(t *testing.T) {
	_, sdk, q, local := logging(t, 1)
	next := sdk.App("orders").Query("q2")
	next.Input("Mid")
	a, b := q.Worker(), next.Worker()
	for _, ctx := range []context.Context{context.Background(), t.Context()} {
		first := a.Begin(ctx, telemetry.Arrival{Count: 1})
		second := b.Begin(first.Context(), telemetry.Arrival{Count: 1})
		sdk.Logger().InfoContext(second.Context(), "second")
		sdk.Logger().InfoContext(first.Context(), "first")
		assert.Equal(t, ctx.Done(), second.Context().Done(), "cancellation is kept")
		second.End()
		first.End()
	}
	for _, l := range lines(t, local) {
		assert.Equal(t, map[string]string{"first": "q1", "second": "q2"}[l.Message], l.Fields["query.id"])
	}
}

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
	assert.Equal(t, 2, c.countSpans("query.execute q1"))
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

func TestLoggersWorkWhileTelemetryIsOff(t *testing.T) {
	var local bytes.Buffer
	sdk, err := telemetry.Start(t.Context(), telemetry.Config{Level: telemetry.Off}, telemetry.WithLogWriter(&local))
	require.NoError(t, err)
	q := sdk.App("orders").Query("q1")
	q.Input("In")
	w := q.Worker()
	b := w.Begin(t.Context(), telemetry.Arrival{Count: 1})
	q.Logger().Info("query")
	w.Logger().Error("worker")
	sdk.Logger().InfoContext(b.Context(), "batch")
	b.End()
	all := lines(t, &local)
	require.Len(t, all, 3)
	for _, l := range all {
		assert.Equal(t, map[string]any{"query.id": "q1", "stream.name": "In"}, l.Fields)
		assert.Empty(t, l.Span.TraceID)
	}
}
