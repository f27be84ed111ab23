// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

// conforming is an export of an engine with every metric of the conventions and
// four series of each: about 1000 points.
func conforming(of func(semconv.Metric) bool, series int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	for key, value := range map[string]string{
		"service.name": "engine", "service.instance.id": "a", "service.version": "1", "host.name": "h",
		"telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "rust", "deployment.environment": "production",
	} {
		rm.Resource().Attributes().PutStr(key, value)
	}
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	now := pcommon.NewTimestampFromTime(time.Now())
	for want := range semconv.Metrics() {
		if !of(want) {
			continue
		}
		m := metrics.AppendEmpty()
		m.SetName(want.Name())
		m.SetUnit(want.Unit())
		for i := range series {
			attrs := conformingPoint(m, want, now)
			for u := range want.Attributes() {
				value := fmt.Sprintf("value-%d", i)
				for listed := range u.Values() {
					value = listed
					break
				}
				attrs.PutStr(u.Key(), value)
			}
		}
	}
	return md
}

func conformingPoint(m pmetric.Metric, want semconv.Metric, now pcommon.Timestamp) pcommon.Map {
	if want.Instrument() == semconv.Histogram {
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		}
		p := m.Histogram().DataPoints().AppendEmpty()
		p.SetTimestamp(now)
		p.ExplicitBounds().FromRaw([]float64{0.001, 0.01, 0.1, 1, 10})
		p.BucketCounts().FromRaw(make([]uint64, 6))
		return p.Attributes()
	}
	if m.Type() == pmetric.MetricTypeEmpty {
		m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		m.Sum().SetIsMonotonic(want.Instrument() == semconv.Counter)
		if want.Instrument() == semconv.Gauge {
			m.SetEmptyGauge()
		}
	}
	p := numbers(m).AppendEmpty()
	p.SetTimestamp(now)
	p.SetIntValue(12345)
	return p.Attributes()
}

// BenchmarkAdmitAgainstDecode holds what the receiver does to a request against decoding it,
// which every receiver does.
func BenchmarkAdmitAgainstDecode(b *testing.B) {
	for name, md := range map[string]pmetric.Metrics{
		"every metric": conforming(func(semconv.Metric) bool { return true }, 4),
		"one metric":   conforming(func(m semconv.Metric) bool { return m.Name() == "query.events.processed" }, 1000),
	} {
		body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
		require.NoError(b, err)
		points := float64(md.DataPointCount())
		perPoint := func(b *testing.B) {
			b.Helper()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/points, "ns/point")
		}
		b.Run(name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, pmetricotlp.NewExportRequest().UnmarshalProto(body))
			}
			perPoint(b)
		})
		for _, mode := range []ContractMode{ModeObserve, ModeFix, ModeReject} {
			b.Run(name+"/admit "+string(mode), func(b *testing.B) {
				cfg := testConfig()
				cfg.Contract.Mode = mode
				m, err := NewFactory().CreateMetrics(b.Context(), receivertest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
				require.NoError(b, err)
				r, from, now := m.(*eventfluxReceiver), server.Origin{Transport: server.GRPC}, time.Now()
				b.ReportAllocs()
				for b.Loop() {
					r.admitMetrics(b.Context(), from, md, now)
				}
				perPoint(b)
				require.NoError(b, r.Shutdown(b.Context()))
			})
		}
	}
}
