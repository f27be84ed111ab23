// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// runBatch sends one batch through every stage of a query.
func runBatch(t *testing.T, app *telemetry.App) {
	t.Helper()
	q := app.Query("q1")
	in, out := q.Input("In"), q.Output("Out")
	q.Window("sliding").SetDuration(1500 * time.Millisecond)
	w := q.Worker()
	now := time.Now()
	b := w.Begin(t.Context(), telemetry.Arrival{
		Count: 64, Stream: "In", Source: "csv",
		ReadStart: now.Add(-40 * time.Millisecond), ReadEnd: now.Add(-30 * time.Millisecond),
		SendStart: now.Add(-20 * time.Millisecond), SendEnd: now.Add(-10 * time.Millisecond),
	})
	defer b.End()
	require.True(t, b.Sampled())
	b.Processed(in, 64)

	nested := func(stage telemetry.Stage, leaves ...telemetry.Stage) {
		s := b.Span(stage)
		for _, leaf := range leaves {
			s.Span(leaf).End()
		}
		s.End()
	}
	nested(telemetry.StageFilter, telemetry.StageExpression)
	nested(telemetry.StageWindow, telemetry.StageAccumulate, telemetry.StageTrigger)
	nested(telemetry.StageAggregation, telemetry.StageStateUpdate, telemetry.StageCompute)
	join := b.Span(telemetry.StageJoin, attribute.Int("event.count", 9))
	join.Set(attribute.String("eventflux.join.type", "inner"))
	join.Fail(errors.New("no partner"))
	join.End()
	nested(telemetry.StagePattern)
	output := b.Span(telemetry.StageOutput)
	output.Span(telemetry.StageFormat).End()
	send := output.Span(telemetry.StageSend, attribute.String("eventflux.sink.type", "file"))
	send.Set(telemetry.Retries(2))
	send.End()
	output.End()
	b.Emitted(out, 3)
	b.Error("parse", errors.New("no number"))
}

// tree is the parent of every span, by name.
var tree = map[string]string{
	"query.execute q1":         "",
	"event.ingest In":          "query.execute q1",
	"source.read csv":          "event.ingest In",
	"junction.send In":         "event.ingest In",
	"filter.process":           "query.execute q1",
	"expression.evaluate":      "filter.process",
	"window.process":           "query.execute q1",
	"window.accumulate":        "window.process",
	"window.trigger":           "window.process",
	"aggregation.process":      "query.execute q1",
	"aggregation.state.update": "aggregation.process",
	"aggregation.compute":      "aggregation.process",
	"join.process":             "query.execute q1",
	"pattern.match":            "query.execute q1",
	"output.emit Out":          "query.execute q1",
	"sink.format":              "output.emit Out",
	"sink.send file":           "output.emit Out",
}

func TestSpanTreeAtDetailIsThatOfTheRequirements(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Level: telemetry.Detail})
	runBatch(t, sdk.App("orders"))
	flush(t, sdk)

	spans := c.allSpans()
	require.Len(t, spans, len(tree))
	for name, parent := range tree {
		require.Contains(t, spans, name)
		assert.Equal(t, spans["query.execute q1"].TraceId, spans[name].TraceId, name)
		if parent == "" {
			assert.Empty(t, spans[name].ParentSpanId, name)
			continue
		}
		assert.Equal(t, spans[parent].SpanId, spans[name].ParentSpanId, name)
	}
	root := spans["query.execute q1"]
	assert.Equal(t, map[string]any{
		"query.id": "q1", "stream.name": "In", "event.count": int64(64), "eventflux.app.name": "orders", "error.type": "parse",
	}, attributes(root.Attributes))
	assert.Equal(t, tracepb.Status_STATUS_CODE_ERROR, root.Status.Code)
	assert.Equal(t, root.StartTimeUnixNano, spans["source.read csv"].StartTimeUnixNano, "the root begins with the earliest time of the arrival")
	assert.Equal(t, uint64(10*time.Millisecond), spans["junction.send In"].EndTimeUnixNano-spans["junction.send In"].StartTimeUnixNano)
	assert.Equal(t, tracepb.Span_SPAN_KIND_CONSUMER, spans["source.read csv"].Kind)
	assert.Equal(t, tracepb.Span_SPAN_KIND_PRODUCER, spans["sink.send file"].Kind)
	assert.Equal(t, tracepb.Span_SPAN_KIND_INTERNAL, root.Kind)
	assert.Equal(t, map[string]any{"query.id": "q1", "event.count": int64(64), "window.type": "sliding", "processor.type": "window", "eventflux.window.duration": 1.5},
		attributes(spans["window.process"].Attributes))
	assert.Equal(t, map[string]any{"query.id": "q1", "event.count": int64(64), "window.type": "sliding", "eventflux.window.duration": 1.5},
		attributes(spans["window.trigger"].Attributes))
	assert.Equal(t, map[string]any{"query.id": "q1", "event.count": int64(64), "processor.type": "pattern"}, attributes(spans["pattern.match"].Attributes))
	assert.Equal(t, map[string]any{"query.id": "q1", "event.count": int64(9), "processor.type": "join", "eventflux.join.type": "inner", "error.type": "*errors.errorString"},
		attributes(spans["join.process"].Attributes), "attributes of the caller win")
	assert.Equal(t, map[string]any{"stream.name": "Out", "event.count": int64(64), "eventflux.sink.type": "file", "eventflux.retry.count": int64(2)},
		attributes(spans["sink.send file"].Attributes))
	assert.Equal(t, tracepb.Status_STATUS_CODE_ERROR, spans["join.process"].Status.Code)
	require.Len(t, spans["join.process"].Events, 1)
	assert.Equal(t, map[string]any{"exception.type": "*errors.errorString", "exception.message": "no partner"},
		attributes(spans["join.process"].Events[0].Attributes))
}

func TestBasicKeepsRootAndStages(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolHTTP)
	sdk := start(t, c, telemetry.ProtocolHTTP, telemetry.Config{})
	runBatch(t, sdk.App("orders"))
	flush(t, sdk)
	var names []string
	for name := range c.allSpans() {
		names = append(names, name)
	}
	assert.ElementsMatch(t, []string{
		"query.execute q1", "event.ingest In", "filter.process", "window.process", "aggregation.process", "join.process", "pattern.match",
		"output.emit Out",
	}, names)
}

func TestALeafThatIsNotRecordedPassesOnItsAncestor(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	b := sdk.App("a").Query("q1").Worker().Begin(t.Context(), telemetry.Arrival{Count: 1})
	defer b.End()
	output := b.Span(telemetry.StageOutput)
	defer output.End()
	send := output.Span(telemetry.StageSend)
	defer send.End()
	want := trace.SpanContextFromContext(output.Context(t.Context()))
	assert.True(t, want.IsSampled())
	assert.Equal(t, want, trace.SpanContextFromContext(send.Context(t.Context())))
}

func TestASampledContextForcesRecordingAndJoinsItsTrace(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Traces: telemetry.Traces{PerQuery: -1}})
	app := sdk.App("orders")
	first, second := app.Query("q1").Worker(), app.Query("q2").Worker()

	unsampled := first.Begin(t.Context(), telemetry.Arrival{Count: 1})
	assert.False(t, unsampled.Sampled())
	assert.Equal(t, t.Context().Done(), unsampled.Context().Done(), "an unsampled batch keeps the context it was given")
	assert.False(t, unsampled.Link().Valid())
	unsampled.End()

	remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true})
	b1 := first.Begin(trace.ContextWithRemoteSpanContext(t.Context(), remote), telemetry.Arrival{Count: 1})
	b2 := second.Begin(b1.Context(), telemetry.Arrival{Count: 1})
	b2.End()
	b1.End()
	flush(t, sdk)

	spans := c.allSpans()
	require.Len(t, spans, 2)
	id := remote.TraceID()
	assert.Equal(t, id[:], spans["query.execute q2"].TraceId)
	assert.Equal(t, spans["query.execute q1"].SpanId, spans["query.execute q2"].ParentSpanId)
}

func TestAnUnsampledParentDoesNotBecomeAParent(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Remote: true})
	b := sdk.App("a").Query("q1").Worker().Begin(trace.ContextWithRemoteSpanContext(t.Context(), parent), telemetry.Arrival{Count: 1})
	b.End()
	flush(t, sdk)
	root := c.allSpans()["query.execute q1"]
	require.NotNil(t, root)
	assert.Empty(t, root.ParentSpanId, "a parent that nobody recorded would leave an orphan")
}

func TestATimerDrivenWindowIsALinkedRoot(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Traces: telemetry.Traces{MaxLinks: 2, PerQuery: -1}})
	q := sdk.App("orders").Query("q1")
	in := q.Input("In")
	var links []telemetry.Link
	for i := byte(1); i <= 3; i++ {
		links = append(links, telemetry.LinkTo(trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{i}, SpanID: trace.SpanID{i}, TraceFlags: trace.FlagsSampled,
		})))
	}
	b := q.Worker().Trigger(t.Context(), append(links, telemetry.Link{}, links[2])...)
	b.Processed(in, 5)
	b.End()
	assert.False(t, q.Worker().Trigger(t.Context()).Sampled(), "without a link the buckets decide")
	flush(t, sdk)

	root := c.allSpans()["query.execute q1"]
	require.NotNil(t, root)
	assert.Empty(t, root.ParentSpanId)
	require.Len(t, root.Links, 2, "capped, without repetitions")
	assert.Equal(t, byte(3), root.Links[0].TraceId[0], "the newest are kept")
	assert.Equal(t, byte(2), root.Links[1].TraceId[0])
	assert.Equal(t, int64(5), attributes(root.Attributes)["event.count"])
}

func TestLatencyPointsToTheTrace(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	runBatch(t, sdk.App("orders"))
	flush(t, sdk)
	point := c.newest()["query.latency"].GetHistogram().DataPoints[0]
	require.Len(t, point.Exemplars, 1)
	root := c.allSpans()["query.execute q1"]
	assert.Equal(t, root.TraceId, point.Exemplars[0].TraceId)
	assert.Equal(t, root.SpanId, point.Exemplars[0].SpanId)
	assert.GreaterOrEqual(t, point.GetSum(), 0.020, "latency begins with the junction hand-over")
}

func TestSpansAndBatchesIgnoreWhatComesAfterTheirEnd(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	b := sdk.App("orders").Query("q1").Worker().Begin(t.Context(), telemetry.Arrival{Count: 1})
	s := b.Span(telemetry.StageFilter)
	s.End()
	s.Set(attribute.Bool("late", true))
	s.Fail(errors.New("late"))
	s.End()
	late := b.Span(telemetry.StageWindow)
	b.End()
	b.Error("late", errors.New("late"))
	b.Span(telemetry.StageJoin).End()
	b.End()
	late.End()
	flush(t, sdk)
	spans := c.allSpans()
	assert.Len(t, spans, 3)
	assert.NotContains(t, attributes(spans["filter.process"].Attributes), "late")
	assert.Empty(t, spans["filter.process"].Events)
	assert.Empty(t, spans["query.execute q1"].Events)
	assert.Contains(t, spans, "window.process", "a span may end after its batch")
}
