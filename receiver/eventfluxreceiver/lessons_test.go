// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadatatest"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

func TestTheSeriesOfADeadEngineEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage()
		r := beating(t, testConfig(), p)
		defer r.heart.shutdown(t.Context())
		from := overGRPC
		from.Connection = &server.Connection{ID: 1}
		for range 20 {
			r.take(t, from, engineMetrics(engineA))
			time.Sleep(10 * time.Second)
		}
		assert.Equal(t, 2.0, p.value("a query.active.count"))
		r.ended(from.Connection, time.Now())
		time.Sleep(3 * time.Second)
		assert.Equal(t, 0.0, p.value("a eventflux.up"))
		assert.Equal(t, 2.0, p.value("a query.active.count"), "a scrape has still to see it")
		time.Sleep(20 * time.Second)
		assert.Equal(t, -1.0, p.value("a query.active.count"))
		assert.Equal(t, -1.0, p.value("a stream.events.received"))
		assert.Equal(t, 0.0, p.value("a eventflux.up"))
		assert.Zero(t, r.series.Len())

		r.take(t, from, engineMetrics(engineA)) // it lives again, and dies again
		time.Sleep(time.Second)
		assert.Equal(t, 2.0, p.value("a query.active.count"))
		r.ended(from.Connection, time.Now())
		time.Sleep(23 * time.Second)
		assert.Equal(t, -1.0, p.value("a query.active.count"))
	})
}

func TestTheLastFlushAfterAGoodbyeEndsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage()
		r := beating(t, testConfig(), p)
		defer r.heart.shutdown(t.Context())
		r.take(t, overGRPC, engineMetrics(engineA))
		ld := plog.NewLogs()
		rl := ld.ResourceLogs().AppendEmpty()
		require.NoError(t, rl.Resource().Attributes().FromRaw(engineA))
		rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().SetEventName("entity.delete")
		r.admitLogs(t.Context(), overGRPC, ld, time.Now())
		time.Sleep(11 * time.Second)
		r.take(t, overGRPC, engineMetrics(engineA))
		assert.Equal(t, 2.0, p.value("a query.active.count"))
		assert.Equal(t, 0.0, p.value("a eventflux.up"))
		time.Sleep(20 * time.Second)
		assert.Equal(t, -1.0, p.value("a query.active.count"), "within two intervals")
	})
}

func TestTheGatewayLeavesTheEndToTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t)
		defer c.shutdown(t)
		conn := overGRPC
		conn.Connection = &server.Connection{ID: 1}
		for range 3 {
			c.agent.take(t, conn, engineMetrics(engineA))
			time.Sleep(10 * time.Second)
		}
		c.agent.ended(conn.Connection, time.Now())
		time.Sleep(25 * time.Second)
		assert.Equal(t, -1.0, c.page.value("a query.active.count"))
		assert.Equal(t, "silent", c.gateway.Load().list.Engines(time.Now())[0].State.String(), "the end of a series is no sign of life")
		assert.Zero(t, c.gateway.Load().series.Len())
	})
}

func TestARefusedEndIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		full := false
		ends := 0
		next, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
			if full {
				return errors.New("the queue is full")
			}
			if endsSeries(md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)) {
				ends += md.DataPointCount()
			}
			return nil
		})
		require.NoError(t, err)
		set := receivertest.NewNopSettings(metadata.Type)
		set.TelemetrySettings = tel.NewTelemetrySettings()
		m, err := NewFactory().CreateMetrics(t.Context(), set, testConfig(), next)
		require.NoError(t, err)
		r := m.(*eventfluxReceiver)
		from := overGRPC
		from.Connection = &server.Connection{ID: 1}
		r.take(t, from, engineMetrics(engineA))
		r.ended(from.Connection, time.Now())
		time.Sleep(2 * time.Second)
		r.heart.beat(t.Context(), true)
		full = true
		r.heart.beat(t.Context(), true)
		full = false
		r.heart.beat(t.Context(), true)
		assert.Equal(t, 2, ends)
		metadatatest.AssertEqualReceiverEventfluxSeriesEnded(t, tel, []metricdata.DataPoint[int64]{
			{Value: 2, Attributes: attribute.NewSet()},
		}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
		require.NoError(t, tel.Shutdown(t.Context()))
	})
}

func TestSeriesWithoutRoomAreCounted(t *testing.T) {
	_, next := collecting()
	cfg := testConfig()
	cfg.Engines.MaxSeries = 1
	b := start(t, cfg, next)
	export(t, b.dial(t), engineMetrics(engineA))
	metadatatest.AssertEqualReceiverEventfluxSeriesRefused(t, b.tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet()},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualReceiverEventfluxSeriesKnown(t, b.tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet()},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

// fleetMetrics is what an engine with many queries sends.
func fleetMetrics(instance, queries int) pmetric.Metrics {
	md := engineMetrics(map[string]any{
		"service.name": "engine", "service.instance.id": fmt.Sprint(instance), "service.version": "1.2.3",
		"deployment.environment": "production", "host.name": fmt.Sprintf("host-%d", instance), "process.pid": 4711,
		"telemetry.sdk.language": "go", "telemetry.sdk.name": "opentelemetry", "telemetry.sdk.version": "1.47.0",
	})
	metrics := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	for _, name := range []string{"query.events.processed", "query.events.emitted", "stream.events.received"} {
		m := metrics.AppendEmpty()
		m.SetName(name)
		m.SetUnit("{event}")
		m.SetEmptySum().SetIsMonotonic(true)
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		for i := range queries {
			p := m.Sum().DataPoints().AppendEmpty()
			p.SetIntValue(1)
			p.Attributes().PutStr("query.id", fmt.Sprintf("query-%d", i))
			p.Attributes().PutStr("stream.name", fmt.Sprintf("stream-%d", i))
			p.Attributes().PutStr("output.stream", fmt.Sprintf("out-%d", i))
		}
	}
	return md
}

// TestTheMemoryOfAMillionQueries is about what is kept between requests. Each
// engine has 100 queries and as many streams; for a part of the 300 series there
// is no room.
func TestTheMemoryOfAMillionQueries(t *testing.T) {
	m, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(metadata.Type), testConfig(), consumertest.NewNop())
	require.NoError(t, err)
	r := m.(*eventfluxReceiver)
	before := heapInUse()
	for i := range 10_000 {
		r.admitMetrics(t.Context(), overGRPC, fleetMetrics(i, 100), time.Now())
	}
	used := heapInUse() - before
	t.Logf("%d engines, %d series: %.1f MB", len(r.list.Engines(time.Now())), r.series.Len(), float64(used)/1e6)
	assert.Less(t, used, int64(100_000_000))
	runtime.KeepAlive(r)
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkAdmit is what the receiver does beyond decoding and handing over, for a
// request of about 1000 points.
func BenchmarkAdmit(b *testing.B) {
	m, err := NewFactory().CreateMetrics(b.Context(), receivertest.NewNopSettings(metadata.Type), testConfig(), consumertest.NewNop())
	require.NoError(b, err)
	r := m.(*eventfluxReceiver)
	md := fleetMetrics(1, 333)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(10 * time.Second)
		r.admitMetrics(b.Context(), overGRPC, md, now)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(md.DataPointCount()), "ns/point")
}
