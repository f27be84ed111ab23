// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestAPipelineThatHasSeenNoEventIsHealthy(t *testing.T) {
	for name, p := range map[string]*Pipeline{
		"nil":        nil,
		"no reading": NewPipeline(nil),
		"idle":       NewPipeline(func() Reading { return Reading{QueueCapacity: 1024} }),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, Healthy, p.Check(t.Context()).Status)
			assert.Equal(t, 1.0, p.Score())
			assert.Equal(t, Trends{Score: Trend{1, 1, 1}}, p.Trends())
		})
	}
}

func TestAPipelineIsDegradedBelowHalfItsScore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now Reading
		p := NewPipeline(func() Reading { return now })
		check := func() Result {
			time.Sleep(10 * time.Second)
			return p.Check(t.Context())
		}
		now = Reading{Events: 1000, Dropped: 900, QueueDepth: 10, QueueCapacity: 100}
		assert.Equal(t, Healthy, check().Status, "drops from before the first reading are not judged")
		now.Events += 1000
		assert.Equal(t, Result{Status: Healthy}, check())
		now.QueueDepth = 79
		assert.Equal(t, Result{Status: Healthy}, check(), "just enough")
		now.QueueDepth = 92
		assert.Equal(t, Result{Status: Degraded, Message: "score 0.20: the queue is 92% full"}, check())
		assert.InDelta(t, 0.2, p.Score(), 1e-9)
		now.QueueDepth = 0
		assert.Equal(t, Result{Status: Healthy}, check())
	})
}

func TestTrendsFollowThroughputLatencyAndScore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now Reading
		p := NewPipeline(func() Reading { return now })
		p.Check(t.Context())
		assert.Equal(t, Trend{}, p.Trends().Throughput, "one reading is no rate")
		for range 90 { // 15 minutes of 200 events/s at 5 ms
			time.Sleep(10 * time.Second)
			now.Events += 2000
			now.Latency, now.LatencyTarget = 5*time.Millisecond, 5*time.Millisecond
			p.Check(t.Context())
		}
		got := p.Trends()
		assert.InDelta(t, 200, got.Throughput.FifteenMinutes, 1e-9)
		assert.InDelta(t, 0.005, got.Latency.FifteenMinutes, 1e-9)
		assert.Equal(t, Trend{1, 1, 1}, got.Score)

		time.Sleep(time.Minute)
		now.Latency *= 2
		p.Check(t.Context())
		got = p.Trends()
		assert.InDelta(t, 200*0.367879, got.Throughput.OneMinute, 0.001, "1/e is left after a window without events")
		assert.InDelta(t, 0.005*1.632121, got.Latency.OneMinute, 1e-6)
		assert.InDelta(t, 1-0.5*0.632121, got.Score.OneMinute, 1e-6)
		assert.Greater(t, got.Throughput.FifteenMinutes, got.Throughput.FiveMinutes)
		assert.Greater(t, got.Throughput.FiveMinutes, got.Throughput.OneMinute)
	})
}

func TestAReadingThatFollowsTooSoonChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := Reading{Events: 1}
		p := NewPipeline(func() Reading { return now })
		p.Check(t.Context())
		now.Events, now.Dropped = 1_000_000, 1_000_000
		assert.Equal(t, Healthy, p.Check(t.Context()).Status)
		assert.Equal(t, Trend{}, p.Trends().Throughput)
		time.Sleep(time.Second)
		assert.Equal(t, Degraded, p.Check(t.Context()).Status, "nothing of it is lost either")
		assert.InDelta(t, 999_999, p.Trends().Throughput.OneMinute, 1e-6)
	})
}

func TestTheScoreOfARegistryIsThatOfItsWorstPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		register(t, r, "orders", NewPipeline(func() Reading { return Reading{Events: 1, QueueDepth: 9, QueueCapacity: 10} }))
		register(t, r, "trades", NewPipeline(func() Reading { return Reading{Events: 1} }))
		register(t, r, "sink", healthy())
		synctest.Wait()
		assert.InDelta(t, 0.25, r.Score(), 1e-9)
		assert.InDelta(t, 0.25, r.Report().Score, 1e-9)
		assert.Equal(t, Degraded, r.Status())
	})
}

func TestAPipelineThatCannotBeReadIsUnhealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		register(t, r, "event_pipeline", NewPipeline(func() Reading { panic("torn down") }))
		pass(15 * time.Second)
		assert.Equal(t, Unhealthy, r.Status())
		assert.Equal(t, uint64(2), r.Report().Checks[0].Panics)
	})
}

func BenchmarkPipelineCheck(b *testing.B) {
	p := NewPipeline(func() Reading { return Reading{Events: 1, QueueDepth: 9, QueueCapacity: 100} })
	b.ReportAllocs()
	for b.Loop() {
		p.Check(context.Background())
		p.at = p.at.Add(-time.Second)
	}
}
