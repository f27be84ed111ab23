// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadatatest"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

// Data of which one item meets the conventions and one does not.

func halfWrongMetrics() pmetric.Metrics {
	md := engineMetrics(map[string]any{"service.name": "engine", "service.instance.id": "a"})
	metrics := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	for _, m := range metrics.All() {
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		m.Sum().SetIsMonotonic(m.Name() != "query.active.count")
	}
	metrics.At(1).SetUnit("By")
	return md
}

func halfWrongSpans() ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "engine")
	rs.Resource().Attributes().PutStr("service.instance.id", "a")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	spans.AppendEmpty().SetName("query.execute top")
	spans.AppendEmpty().SetName("GET /orders")
	return td
}

func halfWrongRecords() plog.Logs {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().SetEventName("eventflux.query.started")
	records.AppendEmpty().Body().SetStr("hello")
	return ld
}

const (
	wantMetrics = `data points rejected because they break the conventions: 1; the first: "stream.events.received" has unit "By": record it in "{event}"`
	wantSpans   = `spans rejected because they break the conventions: 1; the first: "query.execute" lacks attribute "query.id": set it`
	wantRecords = `log records rejected because they break the conventions: 1; the first: "eventflux.query.started" lacks attribute "query.id": set it`
)

func TestWhatWasRejectedIsCounted(t *testing.T) {
	metrics, traces, logs := new(consumertest.MetricsSink), new(consumertest.TracesSink), new(consumertest.LogsSink)
	cfg := testConfig()
	cfg.Contract.Mode = ModeReject
	b := start(t, cfg, sinks{metrics, traces, logs})
	b.receiver.heart.shutdown(t.Context()) // its own reports are not to be counted
	conn := b.dial(t)
	_, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(halfWrongMetrics()))
	require.NoError(t, err)
	_, err = ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(halfWrongSpans()))
	require.NoError(t, err)
	_, err = plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(halfWrongRecords()))
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1, 1}, []int{metrics.DataPointCount(), traces.SpanCount(), logs.LogRecordCount()})
	want := []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("rule", "wrong_unit"), attribute.String("signal", "metrics"))},
		{Value: 1, Attributes: attribute.NewSet(attribute.String("rule", "missing_attribute"), attribute.String("signal", "traces"))},
		{Value: 1, Attributes: attribute.NewSet(attribute.String("rule", "missing_attribute"), attribute.String("signal", "logs"))},
	}
	metadatatest.AssertEqualReceiverEventfluxContractRejected(t, b.tel, want,
		metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	engine := b.receiver.list.Contract("a")
	require.Len(t, engine, 1)
	assert.Equal(t, []string{"query.active.count", "stream.events.received"}, engine[0].Sends)
	require.Len(t, engine[0].Violations, 2, "its spans, too")
	assert.Equal(t, uint64(1), engine[0].Violations[0].Rejected)
}

// A rejection must not hide that the pipeline wants the rest again.
func TestAnErrorOfThePipelineIsToldInsteadOfARejection(t *testing.T) {
	cfg := testConfig()
	cfg.Contract.Mode = ModeReject
	b := start(t, cfg, failing(context.DeadlineExceeded))
	_, err := pmetricotlp.NewGRPCClient(b.dial(t)).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(halfWrongMetrics()))
	assert.ErrorContains(t, err, "deadline exceeded")
}

// What breaks a rule with everything in it is a sign of life all the same.
func TestAnEngineOfWhichAllIsRejectedIsAlive(t *testing.T) {
	sink, next := collecting()
	cfg := testConfig()
	cfg.Contract.Mode = ModeReject
	b := start(t, cfg, next)
	md := halfWrongMetrics()
	for _, m := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		m.SetUnit("By")
	}
	export(t, b.dial(t), md)
	assert.Empty(t, sink.AllMetrics())
	require.Len(t, b.receiver.list.Contract("a"), 1)
}

func TestUnknownMetricsAreDroppedAndCounted(t *testing.T) {
	sink, next := collecting()
	cfg := testConfig()
	cfg.Contract.Unknown = UnknownDrop
	b := start(t, cfg, next)
	md := engineMetrics(nil)
	md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).SetName("http.server.requests")
	resp, err := pmetricotlp.NewGRPCClient(b.dial(t)).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(md))
	require.NoError(t, err)
	assert.Zero(t, resp.PartialSuccess().RejectedDataPoints())
	assert.Equal(t, 1, sink.DataPointCount())
	metadatatest.AssertEqualReceiverEventfluxPointsUnknown(t, b.tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("done", "dropped"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestAnEngineWhoseClockIsSetBackIsFollowed(t *testing.T) {
	_, next := collecting()
	b := start(t, testConfig(), next)
	began := time.Now() // the receiver forgets engines of long ago
	at := func(second int64) time.Time { return began.Add(time.Duration(second) * time.Second) }
	consume := func(says, arrives int64) pcommon.Timestamp {
		md := engineMetrics(map[string]any{"service.name": "engine", "service.instance.id": "a"})
		for _, m := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			m.Sum().DataPoints().At(0).SetTimestamp(pcommon.NewTimestampFromTime(at(says)))
		}
		b.receiver.admitMetrics(t.Context(), server.Origin{}, md, at(arrives))
		return md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(1).Sum().DataPoints().At(0).Timestamp()
	}
	for _, r := range []struct{ says, arrives, leaves int64 }{
		{0, 0, 0}, {10, 10, 10}, {-40, 20, -40}, {-30, 30, 15}, {-20, 40, 20},
	} {
		assert.Equal(t, pcommon.NewTimestampFromTime(at(r.leaves)), consume(r.says, r.arrives), "%+v", r)
	}
}
