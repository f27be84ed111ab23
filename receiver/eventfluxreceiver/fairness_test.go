// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadatatest"
)

// A noisy engine is told to wait, over both transports, and the others notice
// nothing.
func TestOneNoisyEngineDoesNotStarveTheOthers(t *testing.T) {
	p := &pipeline{}
	cfg := testConfig()
	cfg.Fairness = FairnessConfig{ItemsPerSecond: 1, Burst: 3} // three items are a while
	b := start(t, cfg, p.sinks(t))
	conn := b.dial(t)
	of := func(instance string) pmetricotlp.ExportRequest {
		return pmetricotlp.NewExportRequestFromMetrics(engineMetrics(map[string]any{
			"service.name": "engine", "service.instance.id": instance,
		}))
	}
	var refused error
	for range 4 { // of two points each
		_, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), of("noisy"))
		if err != nil {
			refused = err
		}
	}
	assert.Equal(t, codes.ResourceExhausted, status.Code(refused))
	assert.ErrorContains(t, refused, "fairness::items_per_second")
	assert.Positive(t, retryInfo(status.Convert(refused)))
	assert.LessOrEqual(t, retryInfo(status.Convert(refused)), 3*time.Second)

	body, err := of("noisy").MarshalProto()
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"http://"+b.receiver.server.HTTPAddr.String()+"/v1/metrics", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", protobufType)
	resp, _ := do(t, req)
	assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	assert.Contains(t, []string{"1", "2", "3"}, resp.Header.Get("Retry-After"))

	_, err = pmetricotlp.NewGRPCClient(conn).Export(t.Context(), of("calm"))
	assert.NoError(t, err)
	assert.Len(t, b.receiver.list.Engines(time.Now()), 2, "who is refused is alive")
	metadatatest.AssertEqualReceiverEventfluxEngineItems(t, b.tel, []metricdata.DataPoint[int64]{
		{Value: 4, Attributes: attribute.NewSet(attribute.String("engine", "engine/noisy"), attribute.String("outcome", "accepted"))},
		{Value: 6, Attributes: attribute.NewSet(attribute.String("engine", "engine/noisy"), attribute.String("outcome", "refused"))},
		{Value: 2, Attributes: attribute.NewSet(attribute.String("engine", "engine/calm"), attribute.String("outcome", "accepted"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestItemsOfEverySignalCount(t *testing.T) {
	md := engineMetrics(nil)
	metrics := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	metrics.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty()
	metrics.AppendEmpty().SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
	metrics.AppendEmpty().SetEmptySummary().DataPoints().AppendEmpty()
	metrics.AppendEmpty() // has no type
	assert.Equal(t, 5, metricShares(md)[0].Items)

	td, ld := ptrace.NewTraces(), plog.NewLogs()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	for _, attrs := range []pcommon.Map{td.ResourceSpans().At(0).Resource().Attributes(), ld.ResourceLogs().At(0).Resource().Attributes()} {
		attrs.PutStr("service.name", "engine")
		attrs.PutStr("service.instance.id", "a")
	}
	assert.Equal(t, 1, spanShares(td)[0].Items)
	assert.Equal(t, 1, recordShares(ld)[0].Items)

	p := &pipeline{}
	cfg := testConfig()
	cfg.Fairness = FairnessConfig{ItemsPerSecond: 1, Burst: 1}
	b := start(t, cfg, p.sinks(t))
	conn := b.dial(t)
	var errs []codes.Code
	for range 2 {
		_, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td))
		errs = append(errs, status.Code(err))
		_, err = plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(ld))
		errs = append(errs, status.Code(err))
	}
	assert.Contains(t, errs, codes.ResourceExhausted, "spans and records have one share")
	assert.NotZero(t, p.delivered())
}

func TestNoLimitIsTheDefault(t *testing.T) {
	cfg := testConfig()
	assert.Nil(t, newFairness(cfg))
	cfg.Fairness.ItemsPerSecond = 7
	require.NotNil(t, newFairness(cfg))
	assert.Empty(t, metricShares(pmetric.NewMetrics()))
}
