// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

var errFull = errors.New("queue is full")

// counter returns a delta counter with one point per query, of the value one.
func counter(name string, queries ...int) pmetric.Metrics {
	return counterOf("e1", name, queries...)
}

func counterOf(instance, name string, queries ...int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.instance.id", instance)
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(name)
	m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	m.Sum().SetIsMonotonic(true)
	for _, q := range queries {
		p := m.Sum().DataPoints().AppendEmpty()
		p.Attributes().PutInt("query.id", int64(q))
		p.SetTimestamp(pcommon.NewTimestampFromTime(testStart))
		p.SetIntValue(1)
	}
	return md
}

// window is an overflow point.
type window struct {
	start, end time.Duration // since testStart
	value      int64
}

// windows returns all overflow points of a metric, and how many others there are.
func windows(all []pmetric.Metrics, name string) (overflow []window, others int) {
	for _, md := range all {
		for _, rm := range md.ResourceMetrics().All() {
			for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
				if m.Name() != name || m.Type() != pmetric.MetricTypeSum {
					continue
				}
				for _, p := range m.Sum().DataPoints().All() {
					if _, ok := p.Attributes().Get("otel.metric.overflow"); !ok {
						others++
						continue
					}
					overflow = append(overflow, window{
						p.StartTimestamp().AsTime().Sub(testStart), p.Timestamp().AsTime().Sub(testStart), p.IntValue(),
					})
				}
			}
		}
	}
	return overflow, others
}

// failing is a consumer that fails when told to.
type failing struct {
	consumertest.MetricsSink
	err error
}

func (f *failing) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	if f.err != nil {
		return f.err
	}
	return f.MetricsSink.ConsumeMetrics(ctx, md)
}

func TestOverflowWindowsAbut(t *testing.T) {
	sink, clock := new(consumertest.MetricsSink), newClock()
	l := newTestLimiter(t, limits(1), sink, clock.time)
	for range 3 {
		clock.advance(10 * time.Second)
		require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1, 2, 3)))
	}
	got, others := windows(sink.AllMetrics(), "c")
	assert.Equal(t, []window{
		{0, 10 * time.Second, 2},
		{10 * time.Second, 20 * time.Second, 2},
		{20 * time.Second, 30 * time.Second, 2},
	}, got)
	assert.Equal(t, 3, others)
}

func TestTheLimitIsPerMetricOverAllResources(t *testing.T) {
	sink, clock := new(consumertest.MetricsSink), newClock()
	l := newTestLimiter(t, limits(2), sink, clock.time)
	for i := range 5 {
		require.NoError(t, l.ConsumeMetrics(t.Context(), counterOf(fmt.Sprint(i), "c", 1)))
	}
	require.NoError(t, l.ConsumeMetrics(t.Context(), counterOf("another", "d", 1)))
	overflow, passed := windows(sink.AllMetrics(), "c")
	assert.Len(t, overflow, 3)
	assert.Equal(t, 2, passed)
	overflow, passed = windows(sink.AllMetrics(), "d")
	assert.Empty(t, overflow)
	assert.Equal(t, 1, passed)
}

func TestSilentSeriesMakeRoom(t *testing.T) {
	sink, clock := new(consumertest.MetricsSink), newClock()
	l := newTestLimiter(t, limits(1), sink, clock.time)
	require.NoError(t, l.ConsumeMetrics(t.Context(), counterOf("before the restart", "c", 1)))
	clock.advance(time.Minute)
	require.NoError(t, l.ConsumeMetrics(t.Context(), counterOf("after it", "c", 1)))
	overflow, passed := windows(sink.AllMetrics(), "c")
	assert.Len(t, overflow, 1)
	assert.Equal(t, 1, passed)

	clock.advance(10 * time.Second)
	require.NoError(t, l.ConsumeMetrics(t.Context(), counterOf("after it", "c", 1)))
	overflow, passed = windows(sink.AllMetrics(), "c")
	assert.Len(t, overflow, 1)
	assert.Equal(t, 2, passed)
}

func TestEmptyBatchesAreNotForwarded(t *testing.T) {
	sink, clock := new(consumertest.MetricsSink), newClock()
	l := newTestLimiter(t, limits(1), sink, clock.time)
	require.NoError(t, l.ConsumeMetrics(t.Context(), pmetric.NewMetrics()))
	cumulative := func() pmetric.Metrics {
		md := counter("c", 1)
		md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().
			SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		return md
	}
	require.NoError(t, l.ConsumeMetrics(t.Context(), cumulative()))
	more := cumulative()
	more.ResourceMetrics().At(0).Resource().Attributes().PutStr("service.instance.id", "e2")
	require.NoError(t, l.ConsumeMetrics(t.Context(), more))
	assert.Len(t, sink.AllMetrics(), 1)
}

// The sender of a batch that failed sends it again. Nothing may be folded twice by that.
func TestARetriedBatchCountsOnce(t *testing.T) {
	next, clock := &failing{}, newClock()
	l := newTestLimiter(t, limits(1), next, clock.time)
	clock.advance(time.Second)
	require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1, 2)))

	next.err = errFull
	for range 3 {
		clock.advance(time.Second)
		require.ErrorIs(t, l.ConsumeMetrics(t.Context(), counter("c", 1, 2, 3)), errFull)
	}
	next.err = nil
	clock.advance(time.Second)
	require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1, 2, 3)))

	got, passed := windows(next.AllMetrics(), "c")
	assert.Equal(t, []window{{0, time.Second, 1}, {time.Second, 5 * time.Second, 2}}, got)
	assert.Equal(t, 2, passed)
}

// parked lets the first call wait until it is told to go on.
type parked struct {
	consumertest.MetricsSink
	called   atomic.Bool
	arrived  chan struct{}
	released chan error
}

func (p *parked) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	if p.called.CompareAndSwap(false, true) {
		close(p.arrived)
		if err := <-p.released; err != nil {
			return err
		}
	}
	return p.MetricsSink.ConsumeMetrics(ctx, md)
}

// While one batch is on its way with an overflow point, others neither wait nor overtake.
func TestNobodyWaitsForASlowConsumerConcurrentSafe(t *testing.T) {
	for name, fate := range map[string]error{"that succeeds": nil, "that fails": errFull} {
		t.Run(name, func(t *testing.T) {
			next := &parked{arrived: make(chan struct{}), released: make(chan error)}
			l := newTestLimiter(t, limits(1), next, time.Now)
			done := make(chan error)
			go func() { done <- l.ConsumeMetrics(t.Context(), counter("c", 1, 2)) }()
			<-next.arrived

			require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1, 2, 3)))
			overflow, passed := windows(next.AllMetrics(), "c")
			assert.Empty(t, overflow, "an overflow point overtook another")
			assert.Equal(t, 1, passed)
			assert.Equal(t, 2, l.ledger.Usage().Held)

			next.released <- fate
			require.ErrorIs(t, <-done, fate)
			require.NoError(t, l.Shutdown(t.Context()))
			overflow, _ = windows(next.AllMetrics(), "c")
			total := int64(0)
			for i, w := range overflow {
				total += w.value
				if i > 0 {
					assert.Equal(t, overflow[i-1].end, w.start)
				}
			}
			want := int64(3)
			if fate != nil {
				want = 2 // the failed batch comes again
			}
			assert.Equal(t, want, total)
		})
	}
}

func TestAPanicFurtherOnDoesNotKeepThePen(t *testing.T) {
	next, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
		if md.ResourceMetrics().Len() > 1 {
			panic("further on")
		}
		return nil
	})
	require.NoError(t, err)
	l := newTestLimiter(t, limits(1), next, newClock().time)
	assert.Panics(t, func() { _ = l.ConsumeMetrics(t.Context(), counter("c", 1, 2)) })
	require.NoError(t, l.ConsumeMetrics(t.Context(), counterOf("e2", "c", 2)), "nobody can write any more")
	assert.Zero(t, l.ledger.Usage().Held)
}

func TestLifecycle(t *testing.T) {
	l := newTestLimiter(t, limits(1), consumertest.NewNop(), newClock().time)
	require.NoError(t, l.Shutdown(t.Context()), "before start")
	require.NoError(t, l.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, l.Shutdown(t.Context()))
	require.NoError(t, l.Shutdown(t.Context()), "twice")
	assert.True(t, l.Capabilities().MutatesData)
}

func TestT35TwoProcessorsNeverWriteToOneSeries(t *testing.T) {
	instances := map[string]bool{}
	for range 2 {
		sink := new(consumertest.MetricsSink)
		p, err := createMetrics(t.Context(), nopSettings(), limits(1), sink)
		require.NoError(t, err)
		require.NoError(t, p.ConsumeMetrics(t.Context(), counter("c", 1, 2)))
		rms := sink.AllMetrics()[0].ResourceMetrics()
		id, ok := rms.At(rms.Len() - 1).Resource().Attributes().Get("service.instance.id")
		require.True(t, ok)
		instances[id.Str()] = true
		require.NoError(t, p.Shutdown(t.Context()))
	}
	assert.Len(t, instances, 2)
}
