// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package junction is the meeting point of a stream: whoever produces events
// publishes them once, and every subscriber has a bounded queue of its own. What
// a full queue means is the stream's Policy. Ends and barriers are never dropped.
package junction

import (
	"context"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Message is a batch on its way, with what its next query must know about the way.
type Message struct {
	// Ctx carries the trace context of the sender; it is never cancelled.
	Ctx   context.Context
	Batch *event.Batch
	// End says that no more events follow for now: windows close, sinks flush.
	End bool
	// Barrier, unless 0, says that everything before it belongs to the checkpoint
	// of that number. Such a message has no batch.
	Barrier uint64

	// Source is the kind of external source; empty if a query sent the batch.
	Source             string
	ReadStart, ReadEnd time.Time // reading from that source
	Born               time.Time // when its newest events came into the engine; zero if that is not known
	Sent               time.Time // when it was handed over; Publish reads the clock if it is zero
	Taken              time.Time // when the subscriber took it
}

// Junction is one stream. Subscribe before the first Publish; after that any
// number of goroutines may publish.
type Junction struct {
	schema *event.Schema
	handle *telemetry.Stream
	policy Policy
	queues []*Queue
	direct int // subscribers without a queue

	producers int32
	marks     marks
	closed    atomic.Int32 // producers that are done

	meter                          meter
	received, sent, waits, dropped atomic.Int64
}

// New binds a stream to app.
func New(app *telemetry.App, s *event.Schema, p Policy) *Junction {
	j := &Junction{schema: s, handle: app.Stream(s.Stream), policy: p, producers: 1}
	j.handle.BufferFunc(j.Bytes)
	j.handle.OldestFunc(j.oldestAge)
	j.handle.PipelineQueueDepth().Func(func() int64 { return j.sum((*Queue).events) })
	j.handle.PipelineQueueCapacity().Func(func() int64 { return j.sum((*Queue).capacity) })
	j.meter = newMeter(j.handle, p)
	return j
}

// Producers says how many will publish and Close, if not one. An end, or a
// barrier, passes when all of them have sent it. Call it before the first Publish.
func (j *Junction) Producers(n int) { j.producers = int32(n) }

// Name is the stream's name.
func (j *Junction) Name() string { return j.schema.Stream }

// Schema describes the stream's rows.
func (j *Junction) Schema() *event.Schema { return j.schema }

// Subscribe adds a queue for capacity batches.
func (j *Junction) Subscribe(capacity int) *Queue {
	q := newQueue(j, capacity)
	j.queues = append(j.queues, q)
	j.handle.Subscribers(1)
	return q
}

// Attach counts a subscriber that has no queue because it takes its events on
// the goroutine of the producer, as sinks do. It returns what to call with
// each delivered count.
func (j *Junction) Attach() (delivered func(events int)) {
	j.direct++
	j.handle.Subscribers(1)
	return j.delivered
}

// Subscribers is the number of subscribers.
func (j *Junction) Subscribers() int { return len(j.queues) + j.direct }

// Publish hands m to every subscriber, doing what the policy says where a queue
// is full; waited is for how long. It fails when ctx ends or the junction is
// closed; then some subscribers may have m.
func (j *Junction) Publish(ctx context.Context, m Message) (waited time.Duration, err error) {
	n := m.Batch.Len()
	if n == 0 && j.producers > 1 && !j.marks.last(m, int(j.producers)) {
		return 0, nil
	}
	if n > 0 {
		j.handle.Received(n)
		j.received.Add(int64(n))
		j.meter.published.Add(n)
	}
	if m.Sent.IsZero() {
		m.Sent = time.Now()
	}
	for _, q := range j.queues {
		d, err := q.put(ctx, m)
		waited += d
		if err != nil {
			return waited, err
		}
	}
	return waited, nil
}

// Put is Publish for who need not know how long that waited.
func (j *Junction) Put(ctx context.Context, m Message) error {
	_, err := j.Publish(ctx, m)
	return err
}

// Close says that one producer is done. After the last the stream is closed: what
// waits is still taken, nothing more gets in.
func (j *Junction) Close() {
	if j.closed.Add(1) < j.producers {
		return
	}
	for _, q := range j.queues {
		q.close()
	}
}

func (j *Junction) delivered(events int) {
	if events > 0 {
		j.handle.Sent(events)
		j.sent.Add(int64(events))
	}
}

// Queues are the queues of the subscribers.
func (j *Junction) Queues() []*Queue { return j.queues }

// Bytes is the memory of all batches that wait.
func (j *Junction) Bytes() int64 { return j.sum((*Queue).Bytes) }

func (j *Junction) sum(of func(*Queue) int64) (total int64) {
	for _, q := range j.queues {
		total += of(q)
	}
	return total
}

func (j *Junction) oldestAge() time.Duration {
	var oldest time.Time
	for _, q := range j.queues {
		if at := q.oldest(); !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	if oldest.IsZero() {
		return 0
	}
	return time.Since(oldest)
}

// Totals is what a stream has counted itself.
type Totals struct {
	Received int64
	Sent     int64
	Waits    int64 // publications that met a full queue
	Dropped  int64 // events that a full queue did not take, per subscriber
}

// Totals returns the counts so far.
func (j *Junction) Totals() Totals {
	return Totals{Received: j.received.Load(), Sent: j.sent.Load(), Waits: j.waits.Load(), Dropped: j.dropped.Load()}
}
