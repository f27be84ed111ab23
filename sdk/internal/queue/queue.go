// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package queue holds telemetry between the engine and an exporter: bounded, never blocking the side that fills
// it, and exact about what did not fit.
package queue

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Options says how a Queue works. All fields are required and above zero.
type Options struct {
	Size     int           // items held at most
	Batch    int           // items per export at most, and how many wake the exporter early
	Interval time.Duration // between two exports
	Timeout  time.Duration // of one export
}

// Queue hands what is pushed into it to an export function, in order and in batches, on a goroutine of its own.
// All methods are safe for concurrent use.
type Queue[T any] struct {
	opts   Options
	export func(context.Context, []T)

	mu     sync.Mutex
	items  []T
	closed bool

	dropped atomic.Uint64
	once    sync.Once // of Shutdown
	wake    chan struct{}
	flush   chan chan struct{}
	stop    chan struct{}
	done    chan struct{}
	drain   atomic.Pointer[context.Context] // of Shutdown
}

// New starts a Queue. export gets a slice of its own and reports its failures elsewhere; Shutdown ends the
// goroutine.
func New[T any](opts Options, export func(context.Context, []T)) *Queue[T] {
	q := &Queue[T]{
		opts: opts, export: export,
		wake: make(chan struct{}, 1), flush: make(chan chan struct{}), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go q.run()
	return q
}

// Push adds an item. If there is no room, or the queue is shut down, the item is dropped, counted, and the answer
// is false. It never waits for an export.
func (q *Queue[T]) Push(item T) bool {
	q.mu.Lock()
	if q.closed || len(q.items) >= q.opts.Size {
		q.mu.Unlock()
		q.dropped.Add(1)
		return false
	}
	q.items = append(q.items, item)
	ready := len(q.items) >= q.opts.Batch
	q.mu.Unlock()
	if ready {
		select {
		case q.wake <- struct{}{}:
		default: // it is awake already
		}
	}
	return true
}

// Dropped counts the items that Push turned away.
func (q *Queue[T]) Dropped() uint64 { return q.dropped.Load() }

// Cap is how many items the queue holds at most.
func (q *Queue[T]) Cap() int { return q.opts.Size }

// Len is how many items are waiting.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// Flush returns when what was pushed before has been handed to the export function, or with ctx's error.
func (q *Queue[T]) Flush(ctx context.Context) error {
	flushed := make(chan struct{})
	select {
	case q.flush <- flushed:
	case <-q.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-flushed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Shutdown turns new items away, exports what is waiting until ctx ends, and ends the goroutine. It returns
// ctx's error if that took too long; what is left then is dropped and counted. A second call only waits.
func (q *Queue[T]) Shutdown(ctx context.Context) error {
	q.once.Do(func() {
		q.mu.Lock()
		q.closed = true
		q.mu.Unlock()
		q.drain.Store(&ctx)
		close(q.stop)
	})
	select {
	case <-q.done:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *Queue[T]) run() {
	defer close(q.done)
	ticker := time.NewTicker(q.opts.Interval)
	defer ticker.Stop()
	for !q.stopping() {
		select {
		case <-ticker.C:
			q.exportAll()
		case <-q.wake:
			q.exportFull()
		case flushed := <-q.flush:
			q.exportAll()
			close(flushed)
		case <-q.stop:
		}
	}
	q.exportRest(*q.drain.Load())
}

// exportAll exports until nothing is waiting.
func (q *Queue[T]) exportAll() {
	for batch := q.take(q.opts.Batch); len(batch) > 0; batch = q.take(q.opts.Batch) {
		q.send(context.Background(), batch)
		if q.stopping() {
			return
		}
	}
}

// exportRest exports until nothing is waiting or ctx ends, and counts what is left.
func (q *Queue[T]) exportRest(ctx context.Context) {
	for ctx.Err() == nil {
		batch := q.take(q.opts.Batch)
		if len(batch) == 0 {
			return
		}
		q.send(ctx, batch)
	}
	q.dropped.Add(uint64(len(q.take(q.opts.Size))))
}

// exportFull exports while there is a whole batch, so that a wake does not tear the rest apart.
func (q *Queue[T]) exportFull() {
	for q.Len() >= q.opts.Batch && !q.stopping() {
		q.send(context.Background(), q.take(q.opts.Batch))
	}
}

func (q *Queue[T]) stopping() bool {
	select {
	case <-q.stop:
		return true
	default:
		return false
	}
}

func (q *Queue[T]) send(ctx context.Context, batch []T) {
	ctx, cancel := context.WithTimeout(ctx, q.opts.Timeout)
	defer cancel()
	q.export(ctx, batch)
}

// take removes the oldest items, at most limit of them.
func (q *Queue[T]) take(limit int) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(limit, len(q.items))
	batch := append([]T(nil), q.items[:n]...)
	rest := copy(q.items, q.items[n:])
	clear(q.items[rest:])
	q.items = q.items[:rest]
	return batch
}
