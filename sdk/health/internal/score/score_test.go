// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package score

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// well is a pipeline that has nothing to complain of.
var well = Reading{Events: 1000, QueueCapacity: 100, QueueDepth: 10, Latency: time.Millisecond, LatencyTarget: 10 * time.Millisecond}

func with(change func(*Reading)) Reading {
	r := well
	change(&r)
	return r
}

func TestScore(t *testing.T) {
	tests := []struct {
		name  string
		now   Reading
		want  float64
		worst string
	}{
		{"no event ever", Reading{}, 1, ""},
		{"no event ever, though the queue is full", Reading{QueueDepth: 9, QueueCapacity: 9}, 1, ""},
		{"well", well, 1, ""},
		{"a queue in use", with(func(r *Reading) { r.QueueDepth = 60 }), 1, ""},
		{"a queue nearly full", with(func(r *Reading) { r.QueueDepth = 80 }), 0.5, "the queue is 80% full"},
		{"a full queue", with(func(r *Reading) { r.QueueDepth = 100 }), 0, "the queue is 100% full"},
		{"more queued than fits", with(func(r *Reading) { r.QueueDepth = 200 }), 0, "the queue is 100% full"},
		{"no queue", with(func(r *Reading) { r.QueueCapacity = 0 }), 1, ""},
		{"a negative depth", with(func(r *Reading) { r.QueueDepth = -1 }), 1, ""},
		{"drops", with(func(r *Reading) { r.Dropped = 50 }), 0.5, "5.0% of the events were dropped"},
		{"drops of events that nobody counted", Reading{Dropped: 1}, 0, "100.0% of the events were dropped"},
		{"errors", with(func(r *Reading) { r.Errors = 100 }), 0.5, "10.0% of the events failed"},
		{"more errors than events", with(func(r *Reading) { r.Errors = 5000 }), 0, "100.0% of the events failed"},
		{"on target", with(func(r *Reading) { r.Latency = r.LatencyTarget }), 1, ""},
		{"slow", with(func(r *Reading) { r.Latency = 4 * r.LatencyTarget }), 0.25, "latency is 4.0 times its target"},
		{"no target", with(func(r *Reading) { r.Latency, r.LatencyTarget = time.Hour, 0 }), 1, ""},
		{"parts multiply", with(func(r *Reading) { r.QueueDepth, r.Dropped = 70, 40 }), 0.75 * 0.6, "4.0% of the events were dropped"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			load := Between(Reading{}, tt.now)
			assert.InDelta(t, tt.want, load.Score(), 1e-9)
			assert.Equal(t, tt.worst, load.Worst())
		})
	}
}

func TestOnlyWhatHappenedSinceTheLastReadingCounts(t *testing.T) {
	before := with(func(r *Reading) { r.Dropped, r.Errors = 500, 500 })
	assert.Equal(t, 1.0, Between(before, before).Score(), "nothing happened since")
	after := before
	after.Events += 1000
	after.Dropped += 50
	assert.InDelta(t, 0.05, Between(before, after).Drops, 1e-9)
	assert.InDelta(t, 0.05, Between(after, Reading{Events: 1000, Dropped: 50}).Drops, 1e-9, "counts that began again")
}

func TestOneBadPartIsEnough(t *testing.T) {
	for range 10_000 {
		l := randomLoad()
		for _, part := range []float64{l.queue(), l.drops(), l.errors(), l.latency()} {
			assert.LessOrEqual(t, l.Score(), part)
		}
	}
}

func TestScoreIsBetweenZeroAndOneAndFallsWithEveryInput(t *testing.T) {
	inUnit := func(s float64) {
		assert.Truef(t, s >= 0 && s <= 1, "score %v", s)
	}
	for range 10_000 {
		before, now := randomReading(), randomReading()
		inUnit(Between(before, now).Score())

		load := randomLoad()
		inUnit(load.Score())
		for _, worsen := range []func(*Load, float64){
			func(l *Load, by float64) { l.Fill = min(1, l.Fill+by) },
			func(l *Load, by float64) { l.Drops = min(1, l.Drops+by) },
			func(l *Load, by float64) { l.Errors = min(1, l.Errors+by) },
			func(l *Load, by float64) { l.Latency += 10 * by },
		} {
			worse := load
			worsen(&worse, rand.Float64())
			assert.LessOrEqualf(t, worse.Score(), load.Score(), "from %+v to %+v", load, worse)
		}
	}
}

func TestScoreFallsWithEveryReading(t *testing.T) {
	for range 10_000 {
		now := randomReading()
		now.Events = max(now.Events, 1)
		for _, worsen := range []func(*Reading, int64){
			func(r *Reading, by int64) { r.Dropped += uint64(by) },
			func(r *Reading, by int64) { r.Errors += uint64(by) },
			func(r *Reading, by int64) { r.QueueDepth += by },
			func(r *Reading, by int64) { r.Latency += time.Duration(by) },
		} {
			worse := now
			worsen(&worse, rand.Int64N(1000))
			assert.LessOrEqualf(t, Between(Reading{}, worse).Score(), Between(Reading{}, now).Score(), "from %+v to %+v", now, worse)
		}
	}
}

func FuzzScoreIsANumber(f *testing.F) {
	f.Add(uint64(0), uint64(math.MaxUint64), uint64(1), int64(math.MinInt64), int64(math.MaxInt64), int64(-1), int64(0))
	f.Fuzz(func(t *testing.T, events, dropped, errors uint64, depth, capacity, latency, target int64) {
		now := Reading{events, dropped, errors, depth, capacity, time.Duration(latency), time.Duration(target)}
		for _, before := range []Reading{{}, {Events: errors, Dropped: events, Errors: dropped}} {
			if s := Between(before, now).Score(); !(s >= 0 && s <= 1) {
				t.Fatalf("Between(%+v, %+v).Score() = %v", before, now, s)
			}
		}
	})
}

func randomLoad() Load {
	return Load{Fill: rand.Float64(), Drops: rand.Float64() / 5, Errors: rand.Float64() / 4, Latency: 3 * rand.Float64()}
}

func randomReading() Reading {
	return Reading{
		Events: rand.Uint64N(1000), Dropped: rand.Uint64N(100), Errors: rand.Uint64N(200),
		QueueDepth: rand.Int64N(1000) - 10, QueueCapacity: rand.Int64N(1000),
		Latency: time.Duration(rand.Int64N(1000)), LatencyTarget: time.Duration(rand.Int64N(1000)),
	}
}
