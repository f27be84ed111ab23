// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/propagate"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/wire"
)

const (
	defaultLimit = 1 << 30
	gather       = time.Millisecond // in which concurrent senders come to share a sync
	readAhead    = 1 << 20          // bytes
	maxSenders   = 1024             // whose sequences are known; the one that was silent longest is forgotten
)

var entryBucket, senderBucket = []byte("entries"), []byte("senders")

// LogConfig says what a log is for.
type LogConfig struct {
	Part   string         // its name in checkpoints
	Source string         // the kind of source that fills it, for traces
	Limit  int64          // bytes of entries; 0: 1 GiB
	App    *telemetry.App // may be nil
}

// Log is a write-ahead log between a source whose events come once and their stream. Any number of goroutines may
// Take, one may Run.
type Log struct {
	LogConfig

	db         *bbolt.DB // a transaction makes entries durable together with the sequences of their senders
	schema     *event.Schema
	names      *event.Symbols
	metrics    *telemetry.WAL
	next       atomic.Uint64 // entry to publish; changed by Run
	bytes      atomic.Int64  // of entries
	timed      atomic.Int64  // transaction whose sync is timed
	duplicates atomic.Int64
	wake       chan struct{} // Run has something to do

	mu      sync.Mutex
	room    chan struct{}             // closed when entries are removed
	barrier struct{ id, next uint64 } // sent last
	safe    uint64                    // next in the newest complete checkpoint
}

// OpenLog opens or creates dir/log.db, for batches of s.
func OpenLog(dir string, s *event.Schema, names *event.Symbols, cfg LogConfig) (*Log, error) {
	db, err := open(dir, "log.db", entryBucket, senderBucket)
	if err != nil {
		return nil, err
	}
	db.MaxBatchDelay = gather
	l := &Log{
		LogConfig: cfg, db: db, schema: s, names: names, metrics: cfg.App.WAL(),
		wake: make(chan struct{}, 1), room: make(chan struct{}),
	}
	l.Limit = cmp.Or(cfg.Limit, defaultLimit)
	l.metrics.Segments().Add(1) // it is one file
	l.metrics.Size().Func(l.bytes.Load)
	return l, db.View(func(tx *bbolt.Tx) error {
		l.next.Store(first(tx.Bucket(entryBucket)))
		return tx.Bucket(entryBucket).ForEach(func(_, data []byte) error {
			l.bytes.Add(int64(len(data)))
			return nil
		})
	})
}

// first is the index of the oldest entry, or of the one to come.
func first(entries *bbolt.Bucket) uint64 {
	if k, _ := entries.Cursor().First(); k != nil {
		return binary.BigEndian.Uint64(k)
	}
	return entries.Sequence() + 1
}

func key(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }

// failed counts what could not be done.
func (l *Log) failed(what string, err error) error {
	l.metrics.Errors(what).Inc()
	return fmt.Errorf("could not %s in write-ahead log %s: %w", what, l.db.Path(), err)
}

// Take returns nil once m is on disk. A sender with a name numbers its messages from 1 up and sends one at a time; what
// it repeats is counted and ignored. At its limit the log waits until a checkpoint makes room or ctx ends.
func (l *Log) Take(ctx context.Context, m junction.Message, from string, seq uint64) error {
	data := l.encode(m)
	if err := l.wait(ctx, int64(len(data))); err != nil {
		return l.failed("take", err)
	}
	var repeated bool
	err := l.db.Batch(func(tx *bbolt.Tx) (err error) {
		l.time(tx)
		b := tx.Bucket(entryBucket)
		if repeated, err = repeats(tx.Bucket(senderBucket), from, seq, b.Sequence()); repeated || err != nil {
			return err
		}
		index, err := b.NextSequence()
		if err != nil {
			return err
		}
		b.FillPercent = 1 // entries only ever come at the end
		return b.Put(key(index), data)
	})
	switch {
	case err != nil:
		return l.failed("write", err)
	case repeated:
		l.duplicates.Add(1)
		return nil
	}
	l.metrics.Entries().Inc()
	l.metrics.IO().Add(len(data))
	l.bytes.Add(int64(len(data)))
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

// wait waits for room for n bytes.
func (l *Log) wait(ctx context.Context, n int64) error {
	for {
		l.mu.Lock()
		room := l.room
		l.mu.Unlock()
		if l.bytes.Load()+n <= l.Limit {
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d bytes are in use until a checkpoint completes: %w", l.bytes.Load(), l.Limit, ctx.Err())
		}
	}
}

// time observes how long a transaction takes to sync; several calls of Take may be in it.
func (l *Log) time(tx *bbolt.Tx) {
	if id := int64(tx.ID()); l.timed.Swap(id) != id {
		start := time.Now()
		tx.OnCommit(func() { l.metrics.SyncDuration().Observe(time.Since(start)) })
	}
}

// repeats reports whether a sender sent seq before, and else notes it; at is for which sender was silent longest.
func repeats(known *bbolt.Bucket, from string, seq, at uint64) (bool, error) {
	if from == "" {
		return false, nil
	}
	last := known.Get([]byte(from))
	if last != nil && seq <= binary.BigEndian.Uint64(last) {
		return true, nil
	}
	if last == nil {
		if err := forget(known); err != nil {
			return false, err
		}
	}
	return false, known.Put([]byte(from), append(key(seq), key(at)...))
}

// forget makes room for one more sender.
func forget(known *bbolt.Bucket) error {
	var oldest []byte
	n, least := 0, uint64(math.MaxUint64)
	err := known.ForEach(func(name, v []byte) error {
		if at := binary.BigEndian.Uint64(v[8:]); at < least {
			oldest, least = name, at
		}
		n++
		return nil
	})
	if err != nil || n < maxSenders {
		return err
	}
	return known.Delete(oldest)
}

func (l *Log) encode(m junction.Message) []byte {
	headers := make(map[string]string)
	propagate.InjectMap(m.Ctx, headers)
	data := binary.AppendUvarint(make([]byte, 1, 1024), uint64(len(headers)))
	for name, value := range headers {
		data = wire.AppendText(wire.AppendText(data, name), value)
	}
	if m.End {
		data[0] = 1
	}
	if m.Batch.Len() > 0 {
		data = wire.Encode(data, m.Batch, l.names)
	}
	return data
}

func (l *Log) decode(data []byte) (m junction.Message, err error) {
	r, headers := wire.Reader{Data: data}, make(map[string]string)
	m.Source, m.ReadStart, m.End = l.Source, time.Now(), r.Byte() == 1
	for n := r.Uvarint(); n > 0 && r.Err == nil; n-- {
		name := string(r.Bytes())
		headers[name] = string(r.Bytes())
	}
	m.Ctx = propagate.ExtractMap(context.Background(), headers)
	if err = r.Err; err == nil && len(r.Data) > 0 {
		m.Batch, err = wire.Decode(r.Data, l.schema, l.names)
	}
	m.ReadEnd = time.Now()
	return m, err
}

// Duplicates is the number of messages that Take ignored.
func (l *Log) Duplicates() int64 { return l.duplicates.Load() }

// Run publishes what Take took, in order, and the barriers of c, until stop ends and nothing is left, or run ends.
func (l *Log) Run(run, stop context.Context, publish func(context.Context, junction.Message) error, c *Coordinator) error {
	for run.Err() == nil {
		begun := c.Begun() // before Pending, or a checkpoint might slip through
		messages, err := l.read()
		if err != nil {
			return l.failed("read", err)
		}
		for _, m := range messages {
			if err := l.pass(run, publish, c); err != nil {
				return err
			}
			if err := publish(run, m); err != nil {
				return err
			}
			l.next.Add(1)
		}
		if err := l.pass(run, publish, c); err != nil {
			return err
		}
		if len(messages) > 0 {
			continue
		}
		select {
		case <-l.wake:
		case <-begun:
		case <-run.Done():
		case <-stop.Done():
			return nil
		}
	}
	return run.Err()
}

// read returns the next messages, about as many as readAhead says.
func (l *Log) read() (messages []junction.Message, err error) {
	return messages, l.db.View(func(tx *bbolt.Tx) error {
		entries, size := tx.Bucket(entryBucket).Cursor(), 0
		for k, data := entries.Seek(key(l.next.Load())); k != nil && size < readAhead; k, data = entries.Next() {
			m, err := l.decode(data)
			if err != nil {
				return fmt.Errorf("entry %d: %w", binary.BigEndian.Uint64(k), err)
			}
			messages = append(messages, m)
			size += len(data)
		}
		return nil
	})
}

// pass sends the barrier on that c waits for, if any.
func (l *Log) pass(run context.Context, publish func(context.Context, junction.Message) error, c *Coordinator) error {
	id := c.Pending(l.Part)
	if id == 0 {
		return nil
	}
	err := publish(run, junction.Message{Ctx: context.Background(), Barrier: id})
	l.mu.Lock()
	l.barrier.id, l.barrier.next = id, l.next.Load()
	l.mu.Unlock()
	c.Report(id, l.Part, key(l.next.Load()), err)
	return err
}

// MarshalBinary returns where Run is.
func (l *Log) MarshalBinary() ([]byte, error) { return key(l.next.Load()), nil }

// UnmarshalBinary has Run begin where it was when data was reported. Call it before Run.
func (l *Log) UnmarshalBinary(data []byte) error {
	if len(data) != 8 {
		return fmt.Errorf("a position in write-ahead log %s has %d bytes, not 8", l.db.Path(), len(data))
	}
	return l.db.View(func(tx *bbolt.Tx) error {
		from, begin, end := binary.BigEndian.Uint64(data), first(tx.Bucket(entryBucket)), tx.Bucket(entryBucket).Sequence()+1
		if from < begin || from > end {
			return fmt.Errorf("write-ahead log %s goes from entry %d to %d and not on from %d: bring the file back or remove the checkpoints, too",
				l.db.Path(), begin, end, from)
		}
		l.next.Store(from)
		l.safe = from
		return nil
	})
}

// Completed removes what no kept checkpoint needs, now that this one is complete.
func (l *Log) Completed(id uint64) error {
	l.mu.Lock()
	upTo := l.safe // for the older checkpoint
	if l.barrier.id == id {
		l.safe = l.barrier.next
	}
	l.mu.Unlock()
	return l.Truncate(upTo)
}

// Truncate removes the entries before upTo that were published.
func (l *Log) Truncate(upTo uint64) error {
	upTo = min(upTo, l.next.Load())
	removed := int64(0)
	err := l.db.Update(func(tx *bbolt.Tx) error {
		entries := tx.Bucket(entryBucket).Cursor()
		for k, data := entries.First(); k != nil && binary.BigEndian.Uint64(k) < upTo; k, data = entries.First() {
			removed += int64(len(data))
			if err := entries.Delete(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return l.failed("truncate", err)
	}
	l.bytes.Add(-removed)
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.room)
	l.room = make(chan struct{})
	return nil
}

// Close closes the file. Take and Run fail from then on.
func (l *Log) Close() error { return l.db.Close() }
