// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// traced returns the span context of a sampled remote span.
func traced(id byte) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{id}, SpanID: trace.SpanID{id}, TraceFlags: trace.FlagsSampled, Remote: true,
	})
}

func TestABatchMergedFromSeveralTracesLinksToThem(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Traces: telemetry.Traces{PerQuery: -1}})
	w := sdk.App("orders").Query("q1").Worker()
	links := []telemetry.Link{telemetry.LinkTo(traced(1)), {}, telemetry.LinkTo(traced(2)), telemetry.LinkTo(traced(1))}
	assert.False(t, w.Begin(t.Context(), telemetry.Arrival{Count: 1, Links: []telemetry.Link{{}}}).Sampled(), "a zero link is none")
	b := w.Begin(trace.ContextWithRemoteSpanContext(t.Context(), traced(3)), telemetry.Arrival{Count: 2, Links: links})
	require.True(t, b.Sampled())
	b.End()
	flush(t, sdk)

	root := c.allSpans()["query.execute q1"]
	require.NotNil(t, root)
	assert.Empty(t, root.ParentSpanId, "none of them is the parent")
	var linked []byte
	for _, l := range root.Links {
		linked = append(linked, l.TraceId[0])
	}
	assert.Equal(t, []byte{3, 1, 2}, linked)
	assert.NotContains(t, []byte{1, 2, 3}, root.TraceId[0])
	assert.Len(t, links, 4, "the caller's slice is as it was")
}

func TestLinksAreCappedAtThirtyTwo(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	var links []telemetry.Link
	for id := range byte(100) {
		links = append(links, telemetry.LinkTo(traced(id+1)))
	}
	sdk.App("orders").Query("q1").Worker().Begin(t.Context(), telemetry.Arrival{Links: links}).End()
	flush(t, sdk)
	assert.Len(t, c.allSpans()["query.execute q1"].Links, 32)
}

func TestAFloodOfSampledParentsIsLimited(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Traces: telemetry.Traces{Total: 0.5}})
	w := sdk.App("orders").Query("q1").Worker()
	ctx, joined := trace.ContextWithRemoteSpanContext(t.Context(), traced(1)), 0
	for range 1000 {
		b := w.Begin(ctx, telemetry.Arrival{Count: 1})
		if b.Sampled() {
			joined++
		}
		b.End()
	}
	assert.InDelta(t, 5, joined, 1, "ten times Total per second")
}
