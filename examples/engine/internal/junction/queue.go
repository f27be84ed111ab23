// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package junction

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed is returned by a publication into a closed junction.
var ErrClosed = errors.New("stream is closed")

// State is the answer of TryTake.
type State uint8

// The states of a queue as its reader sees them.
const (
	Empty  State = iota // nothing waits; Ready says when to look again
	Taken               // a message was taken
	Closed              // nothing waits and nothing will come
)

// Queue holds the messages that wait for one subscriber. Any number of
// goroutines may put, one may take.
type Queue struct {
	junction *Junction
	ready    chan struct{} // something to take, or closed
	room     chan struct{} // somewhere to put, or closed

	mu      sync.Mutex
	ring    []Message
	head    int
	length  int
	waiting int64 // events
	largest int64 // events of the largest batch so far
	bytes   int64
	closed  bool

	taken   atomic.Int64 // when the last message was taken, in nanoseconds since 1970
	longest atomic.Int64 // nanoseconds a message waited, at most; see LongestWait
}

func newQueue(j *Junction, capacity int) *Queue {
	return &Queue{
		junction: j,
		ready:    make(chan struct{}, 1),
		room:     make(chan struct{}, 1),
		ring:     make([]Message, capacity),
	}
}

// Stream is the name of the stream the queue belongs to.
func (q *Queue) Stream() string { return q.junction.Name() }

// Ready receives when TryTake is worth another try.
func (q *Queue) Ready() <-chan struct{} { return q.ready }

// TryTake takes the oldest message, if any, and stamps it: with now, which is what the clock has just said, or with a
// reading of it if now is zero.
func (q *Queue) TryTake(now time.Time) (Message, State) {
	q.mu.Lock()
	if q.length == 0 {
		defer q.mu.Unlock()
		if q.closed {
			return Message{}, Closed
		}
		return Message{}, Empty
	}
	m := q.ring[q.head]
	q.ring[q.head] = Message{}
	q.head = (q.head + 1) % len(q.ring)
	q.length--
	q.bytes -= m.Batch.Bytes()
	q.waiting -= int64(m.Batch.Len())
	q.mu.Unlock()
	signal(q.room)
	if m.Taken = now; now.IsZero() {
		m.Taken = time.Now()
	} else if now.Before(m.Sent) { // it came in since
		m.Taken = m.Sent
	}
	q.taken.Store(m.Taken.UnixNano())
	if wait := int64(m.Taken.Sub(m.Sent)); wait > q.longest.Load() {
		q.longest.Store(wait)
	}
	q.junction.delivered(m.Batch.Len())
	q.junction.meter.taken(m)
	return m, Taken
}

func (q *Queue) tryPut(m Message) (done bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		signal(q.room) // the next waiting goroutine must see it, too
		return false, ErrClosed
	}
	if q.length == len(q.ring) {
		return false, nil
	}
	q.ring[(q.head+q.length)%len(q.ring)] = m
	q.length++
	q.bytes += m.Batch.Bytes()
	q.waiting += int64(m.Batch.Len())
	q.largest = max(q.largest, int64(m.Batch.Len()))
	signal(q.ready)
	if q.length < len(q.ring) {
		signal(q.room) // one signal may stand for room for several
	}
	return true, nil
}

func (q *Queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	signal(q.ready)
	signal(q.room)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
