// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadata"
)

func nopSettings() processor.Settings { return processortest.NewNopSettings(metadata.Type) }

// 64 goroutines offer more series than there is room for. Exactly as many get in as there
// is room, all of them stay, and every point is in one of both places.
func TestT31NoOvershootConcurrentSafe(t *testing.T) {
	const goroutines, batches, points, limit = 64, 20, 20, 100
	sink := new(consumertest.MetricsSink)
	l := newTestLimiter(t, limits(limit), sink, time.Now)
	var race sync.WaitGroup
	for g := range goroutines {
		race.Go(func() {
			rng := rand.New(rand.NewPCG(4, uint64(g)))
			for range batches {
				queries := make([]int, points)
				for i := range queries {
					queries[i] = rng.IntN(2000)
				}
				assert.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", queries...)))
			}
		})
	}
	race.Wait()
	require.NoError(t, l.Shutdown(t.Context()))

	assert.Equal(t, limit, l.table.Usage().Series)
	series := map[int64]bool{}
	passed, folded := int64(0), int64(0)
	for _, md := range sink.AllMetrics() {
		for _, rm := range md.ResourceMetrics().All() {
			for _, p := range rm.ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().All() {
				if _, over := p.Attributes().Get("otel.metric.overflow"); over {
					folded += p.IntValue()
				} else {
					id, _ := p.Attributes().Get("query.id")
					series[id.Int()] = true
					passed += p.IntValue()
				}
			}
		}
	}
	assert.Len(t, series, limit)
	assert.Equal(t, int64(goroutines*batches*points), passed+folded)
}

// cumulativeOverflow returns the last value of the overflow series of c and its number of points.
func cumulativeOverflow(t *testing.T, all []pmetric.Metrics) (last int64, points int) {
	t.Helper()
	var end pcommon.Timestamp
	for _, md := range all {
		for _, rm := range md.ResourceMetrics().All() {
			for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
				for _, p := range m.Sum().DataPoints().All() {
					if _, ok := p.Attributes().Get("otel.metric.overflow"); !ok || m.Name() != "c" {
						continue
					}
					assert.Equal(t, pmetric.AggregationTemporalityCumulative, m.Sum().AggregationTemporality())
					assert.Greater(t, p.Timestamp(), end)
					assert.Greater(t, p.IntValue(), last)
					end, last = p.Timestamp(), p.IntValue()
					points++
				}
			}
		}
	}
	return last, points
}

// The real delta_to_cumulative drops whatever is out of order. It must drop nothing, also
// when many batches are on their way at once and some of them fail.
func TestDeltaToCumulativeTakesEveryWindowConcurrentSafe(t *testing.T) {
	const goroutines, batches = 16, 50
	sink := new(consumertest.MetricsSink)
	factory := deltatocumulativeprocessor.NewFactory()
	reading := componenttest.NewTelemetry()
	defer func() { require.NoError(t, reading.Shutdown(t.Context())) }()
	set := processortest.NewNopSettings(factory.Type())
	set.TelemetrySettings = reading.NewTelemetrySettings()
	behind, err := factory.CreateMetrics(t.Context(), set, factory.CreateDefaultConfig(), sink)
	require.NoError(t, err)
	require.NoError(t, behind.Start(t.Context(), componenttest.NewNopHost()))
	defer func() { require.NoError(t, behind.Shutdown(t.Context())) }()

	next := &sometimes{Metrics: behind}
	l := newTestLimiter(t, limits(1), next, time.Now)
	var folded atomic.Int64
	var race sync.WaitGroup
	require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 0)))
	for range goroutines {
		race.Go(func() {
			for range batches {
				for l.ConsumeMetrics(t.Context(), counter("c", 1, 2, 3)) != nil {
					continue // what senders do
				}
				folded.Add(3)
			}
		})
	}
	race.Wait()
	require.NoError(t, l.Shutdown(t.Context()))

	total, points := cumulativeOverflow(t, sink.AllMetrics())
	assert.Equal(t, folded.Load(), total)
	assert.Positive(t, points)
	assertNoErrors(t, reading)
}

// sometimes fails every seventh call, before anything is consumed.
type sometimes struct {
	processor.Metrics
	calls atomic.Int64
}

func (s *sometimes) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	if s.calls.Add(1)%7 == 0 {
		return errFull
	}
	return s.Metrics.ConsumeMetrics(ctx, md)
}

// assertNoErrors looks for points that delta_to_cumulative counted with an error.
func assertNoErrors(t *testing.T, reading *componenttest.Telemetry) {
	t.Helper()
	m, err := reading.GetMetric("otelcol_deltatocumulative_datapoints")
	require.NoError(t, err)
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		_, failed := p.Attributes.Value("error")
		assert.False(t, failed, "%d points: %v", p.Value, p.Attributes)
	}
}
