// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

func TestEachPipelineIsTriedAtEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		traces, metrics, logs := new(consumertest.TracesSink), new(consumertest.MetricsSink), new(consumertest.LogsSink)
		cfg := testConfig()
		cfg.Canary.Interval = 10 * time.Second
		factory, set := NewFactory(), receivertest.NewNopSettings(metadata.Type)
		set.Resource.Attributes().PutStr("service.instance.id", "gateway-1")
		_, err := factory.CreateTraces(t.Context(), set, cfg, traces)
		require.NoError(t, err)
		_, err = factory.CreateMetrics(t.Context(), set, cfg, metrics)
		require.NoError(t, err)
		shared, err := factory.CreateLogs(t.Context(), set, cfg, logs)
		require.NoError(t, err)
		r := shared.(*eventfluxReceiver)
		r.canary.start()
		time.Sleep(25 * time.Second)
		r.canary.shutdown(t.Context())
		time.Sleep(25 * time.Second)

		require.Len(t, traces.AllTraces(), 2)
		require.Len(t, metrics.AllMetrics(), 2)
		require.Len(t, logs.AllLogs(), 2)
		first := traces.AllTraces()[0].ResourceSpans().At(0)
		id, _ := first.Resource().Attributes().Get("service.instance.id")
		assert.Equal(t, "gateway-1", id.Str(), "it says which collector it is of")
		span, second := first.ScopeSpans().At(0).Spans().At(0), traces.AllTraces()[1].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		assert.Equal(t, "eventflux.canary", span.Name())
		assert.NotEqual(t, span.TraceID(), second.TraceID())
		assert.False(t, span.SpanID().IsEmpty())
		point := metrics.AllMetrics()[1].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
		assert.Equal(t, "eventflux.canary.timestamp", point.Name())
		assert.InDelta(t, second.StartTimestamp().AsTime().UnixMilli(), 1000*point.Gauge().DataPoints().At(0).DoubleValue(), 1)
		record := logs.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		assert.Equal(t, "eventflux.canary", record.EventName())
	})
}

func TestWithoutAnIntervalNothingIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := new(consumertest.MetricsSink)
		m, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(metadata.Type), testConfig(), sink)
		require.NoError(t, err)
		r := m.(*eventfluxReceiver)
		r.canary.start()
		time.Sleep(time.Hour)
		r.canary.shutdown(t.Context())
		assert.Empty(t, sink.AllMetrics())
	})
}

func TestARefusedCanaryIsCountedAndOthersFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tried := 0
		full, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error {
			tried++
			return errors.New("the queue is full")
		})
		require.NoError(t, err)
		cfg := testConfig()
		cfg.Canary.Interval = time.Second
		tel := componenttest.NewTelemetry()
		m, err := NewFactory().CreateMetrics(t.Context(), receiver.Settings{
			ID: component.NewID(metadata.Type), TelemetrySettings: tel.NewTelemetrySettings(),
		}, cfg, full)
		require.NoError(t, err)
		r := m.(*eventfluxReceiver)
		r.canary.start()
		time.Sleep(2500 * time.Millisecond)
		r.canary.shutdown(t.Context())
		assert.Equal(t, 2, tried)
		refused, err := tel.GetMetric("otelcol_receiver_refused_metric_points")
		require.NoError(t, err)
		assert.Equal(t, int64(2), refused.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
		require.NoError(t, tel.Shutdown(t.Context()))
	})
}

func TestTheCanaryOfAnAgentIsNoEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage()
		gateway := beating(t, testConfig(), p)
		defer gateway.heart.shutdown(t.Context())
		cfg := testConfig()
		cfg.Canary.Interval = time.Second
		set := receivertest.NewNopSettings(metadata.Type)
		set.Resource.Attributes().PutStr("service.name", "otelcol-eventflux")
		set.Resource.Attributes().PutStr("service.instance.id", "agent")
		behind, err := consumer.NewMetrics(func(ctx context.Context, md pmetric.Metrics) error {
			_, err := gateway.consumeMetrics(ctx, server.Origin{Transport: server.GRPC, Peer: "127.0.0.1:2"}, md)
			return err
		})
		require.NoError(t, err)
		m, err := NewFactory().CreateMetrics(t.Context(), set, cfg, behind)
		require.NoError(t, err)
		agent := m.(*eventfluxReceiver)
		agent.canary.start()
		time.Sleep(1500 * time.Millisecond)
		agent.canary.shutdown(t.Context())
		time.Sleep(30 * time.Second)
		assert.Len(t, p.all(), 1)
		assert.Contains(t, p.all(), "agent eventflux.canary.timestamp")
	})
}
