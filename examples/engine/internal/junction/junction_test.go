// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package junction

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var schema = &event.Schema{Stream: "S", Columns: []event.Column{{Name: "n", Type: event.Int}}}

func one(n int64) Message {
	b := event.NewBatch(schema, 1)
	b.Append().SetInt(0, n)
	return Message{Ctx: context.Background(), Batch: b}
}

func take(q *Queue) (Message, bool) {
	for {
		switch m, state := q.TryTake(time.Time{}); state {
		case Taken:
			return m, true
		case Closed:
			return Message{}, false
		case Empty:
			<-q.Ready()
		}
	}
}

func TestEverySubscriberGetsEveryEventConcurrentSafe(t *testing.T) {
	const producers, each = 4, 2000
	j := New(nil, schema, Policy{})
	queues := []*Queue{j.Subscribe(1), j.Subscribe(3), j.Subscribe(64)}
	var readers, writers sync.WaitGroup
	for _, q := range queues {
		readers.Go(func() {
			sum, next := 0, map[int64]int64{}
			for m, ok := take(q); ok; m, ok = take(q) {
				v := m.Batch.Row(0).Int(0)
				if from := v / each; next[from] != v%each {
					t.Errorf("event %d of producer %d came out of order", v%each, from)
				} else {
					next[from]++
				}
				sum++
			}
			if sum != producers*each {
				t.Errorf("a subscriber got %d events, want %d", sum, producers*each)
			}
		})
	}
	for p := range int64(producers) {
		writers.Go(func() {
			for i := range int64(each) {
				if _, err := j.Publish(context.Background(), one(p*each+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	j.Close()
	readers.Wait()
	got := j.Totals()
	if got.Received != producers*each || got.Sent != 3*producers*each || j.Bytes() != 0 {
		t.Errorf("totals %+v, %d bytes left", got, j.Bytes())
	}
}

func TestAFullQueueMakesThePublisherWaitAndCountsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := New(nil, schema, Policy{})
		q := j.Subscribe(1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := j.Publish(ctx, one(1)); err != nil {
			t.Fatal(err)
		}
		if waited, err := j.Publish(ctx, one(2)); !errors.Is(err, context.DeadlineExceeded) || waited != time.Second {
			t.Errorf("err = %v after %s, want the deadline after a second", err, waited)
		}
		if j.Totals().Waits != 1 || q.Utilization() != 1 || j.oldestAge() != time.Second {
			t.Errorf("waits %d, utilization %v, oldest %s", j.Totals().Waits, q.Utilization(), j.oldestAge())
		}
	})
}

func TestClosingFreesAWaitingPublisherAndKeepsWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := New(nil, schema, Policy{})
		q := j.Subscribe(1)
		_, _ = j.Publish(context.Background(), one(1))
		failed := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := j.Publish(context.Background(), one(2))
				failed <- err
			}()
		}
		synctest.Wait()
		j.Close()
		for range 2 {
			if err := <-failed; !errors.Is(err, ErrClosed) {
				t.Errorf("err = %v, want ErrClosed", err)
			}
		}
		if m, ok := take(q); !ok || m.Batch.Row(0).Int(0) != 1 {
			t.Error("the queued event is gone")
		}
		if _, ok := take(q); ok {
			t.Error("the queue must be closed")
		}
	})
}

func TestAQueueSaysHowLongNothingMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := New(nil, schema, Policy{})
		q := j.Subscribe(4)
		time.Sleep(time.Hour)
		if d := q.Standstill(time.Now()); d != 0 {
			t.Errorf("an empty queue stands still for %s", d)
		}
		_, _ = j.Publish(context.Background(), one(1))
		time.Sleep(time.Second)
		_, _ = j.Publish(context.Background(), one(2))
		time.Sleep(2 * time.Second)
		if d := q.Standstill(time.Now()); d != 3*time.Second {
			t.Errorf("stands still for %s, want since the first event came", d)
		}
		q.TryTake(time.Time{})
		time.Sleep(5 * time.Second)
		if d := q.Standstill(time.Now()); d != 5*time.Second {
			t.Errorf("stands still for %s, want since the last event left", d)
		}
		if d := q.LongestWait(); d != 3*time.Second || q.LongestWait() != 0 {
			t.Errorf("the longest wait was %s, want 3s and then none", d)
		}
		if n, room := q.Fill(); n != 1 || room != 4 || q.events() != 1 || q.capacity() != 4 {
			t.Errorf("%d of %d batches, %d of %d events", n, room, q.events(), q.capacity())
		}
	})
}

func TestWhoReadTheClockSaysWhatItSaid(t *testing.T) {
	j, at := New(nil, schema, Policy{}), time.Now()
	q := j.Subscribe(1)
	for name, c := range map[string]struct{ now, want time.Time }{
		"a look after the hand-over":  {at.Add(time.Second), at.Add(time.Second)},
		"a look before the hand-over": {at.Add(-time.Second), at},
	} {
		m := one(1)
		m.Sent = at
		if _, err := j.Publish(context.Background(), m); err != nil {
			t.Fatal(err)
		}
		if m, _ := q.TryTake(c.now); !m.Sent.Equal(at) || !m.Taken.Equal(c.want) {
			t.Errorf("%s: sent at %s and taken at %s, want %s and %s", name, m.Sent, m.Taken, at, c.want)
		}
	}
}
