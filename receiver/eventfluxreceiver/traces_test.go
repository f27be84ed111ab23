// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadatatest"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

const localParent = 0x100 // the flags say that the parent is in the same process

// filterSpan is a span that each batch makes on its way through a query. Of a
// query without a name it lacks query.id.
func filterSpan(to ptrace.SpanSlice, trace, id, parent byte, query string) ptrace.Span {
	s := to.AppendEmpty()
	s.SetName("filter.process")
	s.SetTraceID([16]byte{trace})
	s.SetSpanID([8]byte{id})
	s.SetParentSpanID([8]byte{parent})
	s.SetFlags(localParent)
	s.Attributes().PutStr("processor.type", "filter")
	s.Attributes().PutInt("event.count", 1)
	if query != "" {
		s.Attributes().PutStr("query.id", query)
	}
	return s
}

func spansOf(attrs map[string]any) (ptrace.Traces, ptrace.SpanSlice) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	_ = rs.Resource().Attributes().FromRaw(attrs)
	return td, rs.ScopeSpans().AppendEmpty().Spans()
}

func TestSpansOfEnginesAreFollowedByQuery(t *testing.T) {
	cfg := testConfig()
	cfg.Traces.Window = time.Minute
	cfg.Traces.MaxQueries = 2
	_, next := collecting()
	b := start(t, cfg, next)
	from := server.Origin{Transport: server.GRPC}
	now := time.Now().Add(-time.Hour / 2) // not yet forgotten
	engine := map[string]any{"service.name": "engine", "service.instance.id": "a"}
	b.receiver.admitMetrics(t.Context(), from, engineMetrics(engine), now)

	td, spans := spansOf(engine)
	filterSpan(spans, 1, 2, 1, "top") // complete, the parent comes last and in another request
	filterSpan(spans, 2, 2, 1, "top") // its parent never comes
	filterSpan(spans, 3, 1, 0, "join").Attributes().Remove("event.count")
	filterSpan(spans, 4, 1, 0, "")
	filterSpan(spans, 5, 1, 0, "third")
	filterSpan(spans, 6, 2, 1, "top").SetFlags(0)
	b.receiver.admitTraces(t.Context(), from, td, now)
	td, spans = spansOf(engine)
	filterSpan(spans, 1, 1, 0, "top")
	b.receiver.admitTraces(t.Context(), from, td, now.Add(time.Minute-1))
	td, spans = spansOf(engine)
	filterSpan(spans, 2, 3, 0, "top")
	b.receiver.admitTraces(t.Context(), from, td, now.Add(time.Minute))
	td, spans = spansOf(map[string]any{"service.name": "shop", "service.instance.id": "b"})
	filterSpan(spans, 7, 2, 1, "top")
	b.receiver.admitTraces(t.Context(), from, td, now.Add(time.Minute)) // is no engine

	query := func(id string) []attribute.KeyValue { return []attribute.KeyValue{attribute.String("query.id", id)} }
	other := append(query("_other"), attribute.Bool("otel.metric.overflow", true))
	point := func(n int64, verdict string, of ...attribute.KeyValue) metricdata.DataPoint[int64] {
		if verdict != "" {
			of = append(of, attribute.String("verdict", verdict))
		}
		return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(of...)}
	}
	metadatatest.AssertEqualReceiverEventfluxSpansJudged(t, b.tel, []metricdata.DataPoint[int64]{
		point(1, "placed"),
		point(2, "placed", query("top")...),
		point(1, "placed", query("join")...),
		point(1, "placed", other...),
		point(1, "orphan", query("top")...),
		point(1, "late", query("top")...),
		point(1, "unjudged", query("top")...),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualReceiverEventfluxSpansLacking(t, b.tel, []metricdata.DataPoint[int64]{
		point(1, ""), point(1, "", query("join")...),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualReceiverEventfluxSpansOpen(t, b.tel, []metricdata.DataPoint[int64]{{Value: 0}},
		metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

// Signals travel apart: the first spans of an engine come before its first metrics.
func TestSpansThatCameBeforeTheFirstMetricsAreFollowed(t *testing.T) {
	cfg := testConfig()
	cfg.Traces.Window = time.Minute
	_, next := collecting()
	b := start(t, cfg, next)
	from := server.Origin{Transport: server.GRPC}
	now := time.Now().Add(-time.Hour / 2) // not yet forgotten
	engine := map[string]any{"service.name": "engine", "service.instance.id": "a"}
	late := map[string]any{"service.name": "engine", "service.instance.id": "b"}

	td, spans := spansOf(engine)
	filterSpan(spans, 1, 1, 0, "top")
	filterSpan(spans, 2, 2, 1, "top") // its parent never comes
	b.receiver.admitTraces(t.Context(), from, td, now)
	td, spans = spansOf(late)
	filterSpan(spans, 3, 1, 0, "top")
	b.receiver.admitTraces(t.Context(), from, td, now)
	td, spans = spansOf(map[string]any{"service.name": "shop", "service.instance.id": "c"})
	filterSpan(spans, 4, 1, 0, "top")
	b.receiver.admitTraces(t.Context(), from, td, now) // never becomes an engine
	td, spans = spansOf(engine)
	filterSpan(spans, 5, 1, 0, "top").SetName("checkout") // not of the conventions: held for nobody
	b.receiver.admitTraces(t.Context(), from, td, now)

	b.receiver.admitMetrics(t.Context(), from, engineMetrics(engine), now.Add(10*time.Second))
	td, spans = spansOf(engine)
	filterSpan(spans, 1, 2, 1, "top") // its parent came before the metrics
	b.receiver.admitTraces(t.Context(), from, td, now.Add(11*time.Second))
	b.receiver.admitMetrics(t.Context(), from, engineMetrics(late), now.Add(time.Minute)) // no engine for a window

	verdict := func(n int64, verdict string) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(
			attribute.String("query.id", "top"), attribute.String("verdict", verdict))}
	}
	metadatatest.AssertEqualReceiverEventfluxSpansJudged(t, b.tel, []metricdata.DataPoint[int64]{
		verdict(2, "placed"), verdict(1, "orphan"),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

// A span that the contract takes out is no parent to those that pass.
func TestASpanThatWasTakenOutLeavesOrphans(t *testing.T) {
	cfg := testConfig()
	cfg.Traces.Window = time.Minute
	cfg.Contract.Mode = ModeReject
	_, next := collecting()
	b := start(t, cfg, next)
	from := server.Origin{Transport: server.GRPC}
	now := time.Now().Add(-time.Hour / 2) // not yet forgotten
	engine := map[string]any{"service.name": "engine", "service.instance.id": "a"}
	b.receiver.admitMetrics(t.Context(), from, engineMetrics(engine), now)
	td, spans := spansOf(engine)
	filterSpan(spans, 1, 1, 0, "")
	filterSpan(spans, 1, 2, 1, "top")
	in := b.receiver.admitTraces(t.Context(), from, td, now)
	require.Equal(t, 1, in.rejected)
	metadatatest.AssertEqualReceiverEventfluxSpansJudged(t, b.tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("query.id", "top"), attribute.String("verdict", "orphan"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestTracesAreNotFollowedByDefault(t *testing.T) {
	_, next := collecting()
	assert.Nil(t, start(t, testConfig(), next).receiver.traces)
}
