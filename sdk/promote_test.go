// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
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
	flush(t, sdk)
	assert.Equal(t, map[string]any{"query.id": "q2"}, lines(t, local)[0].Fields)
}

func TestAWorkerBoundBeforeItsInputNamesTheStreamLater(t *testing.T) {
	_, sdk, _, local := logging(t, 1)
	q := sdk.App("orders").Query("q3")
	w := q.Worker()
	w.Logger().Info("before")
	q.Input("Late")
	w.Logger().Info("after")
	flush(t, sdk)
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
	flush(t, sdk)
	for _, l := range lines(t, local) {
		assert.Equal(t, map[string]string{"first": "q1", "second": "q2"}[l.Message], l.Fields["query.id"])
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
	flush(t, sdk)
	all := lines(t, &local)
	require.Len(t, all, 3)
	for _, l := range all {
		assert.Equal(t, map[string]any{"query.id": "q1", "stream.name": "In"}, l.Fields)
		assert.Empty(t, l.Span.TraceID)
	}
}
