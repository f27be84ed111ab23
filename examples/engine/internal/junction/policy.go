// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package junction

import (
	"context"
	"sync"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// Policy says what a publication does when a queue is full. The zero Policy waits.
type Policy struct {
	Strategy Strategy
	Timeout  time.Duration // of Backoff
}

// Strategy is what a Policy does.
type Strategy uint8

// The strategies.
const (
	Block   Strategy = iota // wait for room
	Drop                    // drop the batch for that subscriber
	Backoff                 // look for room again, after pauses that double; drop after the timeout
)

// The pauses of Backoff.
const (
	firstPause   = time.Millisecond
	longestPause = 250 * time.Millisecond
)

var strategies = [...]semconv.BackpressureStrategyValue{
	Block: semconv.BackpressureStrategyBlock, Drop: semconv.BackpressureStrategyDrop, Backoff: semconv.BackpressureStrategyExponentialBackoff,
}

// put does what the policy says. It returns how long it waited.
func (q *Queue) put(ctx context.Context, m Message) (time.Duration, error) {
	done, err := q.tryPut(m)
	if done || err != nil {
		return 0, err
	}
	j := q.junction
	j.handle.Backpressure(1)
	j.waits.Add(1)
	start := time.Now()
	switch {
	case j.policy.Strategy == Block || m.Batch.Len() == 0: // what has no events is a mark, which must not be lost
		err = q.wait(ctx, m)
	case j.policy.Strategy == Drop:
		j.lost(semconv.DropReasonQueueFull, m.Batch.Len())
		return 0, nil
	default:
		err = q.backOff(ctx, m)
	}
	waited := time.Since(start)
	j.meter.blocked.Add(waited)
	return waited, err
}

func (q *Queue) wait(ctx context.Context, m Message) error {
	for {
		select {
		case <-q.room:
		case <-ctx.Done():
			return ctx.Err()
		}
		if done, err := q.tryPut(m); done || err != nil {
			return err
		}
	}
}

func (q *Queue) backOff(ctx context.Context, m Message) error {
	j := q.junction
	defer j.meter.delay.Set(0)
	giveUp, pause := time.Now().Add(j.policy.Timeout), firstPause
	for {
		j.meter.delay.Set(pause.Seconds())
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		if done, err := q.tryPut(m); done || err != nil {
			return err
		}
		if !time.Now().Before(giveUp) {
			j.meter.timeouts.Inc()
			j.lost(semconv.DropReasonTimeout, m.Batch.Len())
			return nil
		}
		pause = min(2*pause, longestPause)
	}
}

// lost counts events that one subscriber does not get.
func (j *Junction) lost(why semconv.DropReasonValue, events int) {
	j.handle.EventsDropped(why).Add(events)
	j.handle.PipelinePublishRejected(why).Inc()
	j.dropped.Add(int64(events))
}

// meter is what happens per batch. A stream may have many producers, so these
// are shared.
type meter struct {
	published, consumed, batches, timeouts *telemetry.Counter
	wait                                   *telemetry.Histogram
	blocked                                *telemetry.TimeCounter
	delay                                  *telemetry.Gauge
}

func newMeter(h *telemetry.Stream, p Policy) meter {
	m := meter{
		published: h.PipelineEventsPublished(), consumed: h.PipelineEventsConsumed(), batches: h.PipelineBatchesProcessed(),
		wait: h.PipelineQueueWait(), blocked: h.BackpressureBlockedTime(strategies[p.Strategy]),
	}
	switch p.Strategy {
	case Block:
	case Drop:
		h.EventsDropped(semconv.DropReasonQueueFull)
	case Backoff:
		h.EventsDropped(semconv.DropReasonTimeout)
		m.timeouts, m.delay = h.BackpressureTimeouts(), h.BackpressureDelay()
	}
	return m
}

// taken counts a message that a subscriber took.
func (m *meter) taken(taken Message) {
	if n := taken.Batch.Len(); n > 0 {
		m.consumed.Add(n)
		m.batches.Inc()
		m.wait.Observe(taken.Taken.Sub(taken.Sent))
	}
}

// marks counts ends and barriers of a stream with several producers.
type marks struct {
	mu   sync.Mutex
	ends int
	seen map[uint64]int // barriers, by number
}

// last reports whether m is the mark that the last of n producers sends.
func (s *marks) last(m Message, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Barrier == 0 {
		s.ends++
		return s.ends%n == 0
	}
	if s.seen == nil {
		s.seen = make(map[uint64]int)
	}
	for id := range s.seen {
		if id < m.Barrier {
			delete(s.seen, id) // given up
		}
	}
	s.seen[m.Barrier]++
	return s.seen[m.Barrier] == n
}
