// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package lines puts a bounded queue between those who log and a writer that may hang: a full pipe, a dead disk.
package lines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
)

// Why a line did not reach the writer.
var (
	// ErrFull says that the writer is too slow, or hangs, and the queue is full.
	ErrFull = errors.New("the log output is slow, lines were dropped")
	// ErrClosed says that the line came after Close.
	ErrClosed = errors.New("the log output is closed")
)

// reserve is the part of the queue that only lines of level ERROR may use: one in reserve.
const reserve = 4

// Queue hands lines to a writer, in order, each in one Write, on a goroutine that lives while there are lines to
// write. Writing to it copies the line, never blocks, and allocates nothing once its memory has grown. All methods
// are safe for concurrent use.
type Queue struct {
	w     io.Writer
	limit int // bytes waiting
	lost  func(lines int, why error)
	drain func() // the goroutine's body

	mu      sync.Mutex
	waiting block // filled by writers
	spare   block // memory for the next waiting
	put     uint64
	running bool
	closed  bool
	changed chan struct{} // closed when done has moved; nil while nobody waits
	full    bool          // lines are being dropped, and it has been said

	done    atomic.Uint64 // lines of put that the writer is finished with
	awaited atomic.Bool   // changed is not nil
}

// block is lines one after another.
type block struct {
	bytes []byte
	ends  []int
}

// New returns a queue of at most limit bytes in front of w. lost is told of lines that did not reach w, and why;
// of lines dropped because the queue is full it is told each time, with an error only at the first of them. It must
// not log to the queue.
func New(w io.Writer, limit int, lost func(lines int, why error)) *Queue {
	q := &Queue{w: w, limit: limit, lost: lost}
	q.drain = q.run
	return q
}

// Write implements io.Writer for one line. It reports success whatever becomes of the line: lost is told.
func (q *Queue) Write(line []byte) (int, error) {
	return len(line), q.WriteLevel(slog.LevelInfo, line)
}

// WriteLevel is Write for a line of the given level: while the writer is slow, the last quarter of the queue is
// for ERROR and above.
func (q *Queue) WriteLevel(level slog.Level, line []byte) error {
	if dropped, why := q.add(level, line); dropped {
		q.lost(1, why)
	}
	return nil
}

func (q *Queue) add(level slog.Level, line []byte) (dropped bool, why error) {
	limit := q.limit
	if level < slog.LevelError {
		limit -= q.limit / reserve
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return true, ErrClosed
	}
	if len(q.waiting.bytes)+len(line) > limit {
		if q.full {
			return true, nil
		}
		q.full = true
		return true, ErrFull
	}
	q.waiting.bytes = append(q.waiting.bytes, line...)
	q.waiting.ends = append(q.waiting.ends, len(q.waiting.bytes))
	q.put++
	if !q.running {
		q.running = true
		go q.drain()
	}
	return false, nil
}

// run writes until nothing waits.
func (q *Queue) run() {
	for {
		b, ok := q.take()
		if !ok {
			return
		}
		begin := 0
		for _, end := range b.ends {
			if err := q.write(b.bytes[begin:end]); err != nil {
				q.lost(1, err)
			}
			begin = end
			q.finish()
		}
		q.giveBack(b)
	}
}

// write is one call of the writer, which is not ours.
func (q *Queue) write(line []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("could not write the local log: panic: %v", p)
		}
	}()
	if _, err = q.w.Write(line); err != nil {
		return fmt.Errorf("could not write the local log: %w", err)
	}
	return nil
}

// take returns what waits, or false, after which the goroutine must end.
func (q *Queue) take() (block, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting.ends) == 0 {
		q.running = false
		return block{}, false
	}
	b := q.waiting
	q.waiting, q.spare = q.spare, block{}
	q.full = false
	return b, true
}

func (q *Queue) finish() {
	q.done.Add(1)
	if !q.awaited.Load() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
		q.awaited.Store(false)
	}
}

// giveBack keeps the memory of b, unless a burst made it large: that shall not be held for ever.
func (q *Queue) giveBack(b block) {
	if cap(b.bytes) > q.limit/reserve {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = block{bytes: b.bytes[:0], ends: b.ends[:0]}
}

// Flush waits until every line put so far is written or lost, or until ctx ends.
func (q *Queue) Flush(ctx context.Context) error {
	if q == nil {
		return nil
	}
	q.mu.Lock()
	target := q.put
	q.mu.Unlock()
	for {
		changed := q.next() // before done is read, so that no step is missed
		left := target - min(q.done.Load(), target)
		if left == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("could not write the last %d lines of the local log in time: %w", left, ctx.Err())
		}
	}
}

// next returns a channel that is closed at the next line the writer finishes.
func (q *Queue) next() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.changed == nil {
		q.changed = make(chan struct{})
		q.awaited.Store(true)
	}
	return q.changed
}

// Close makes the queue drop every line from now on. It does not flush.
func (q *Queue) Close() {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}
