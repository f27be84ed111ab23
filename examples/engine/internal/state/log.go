// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/semaphore"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/propagate"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/wire"
)

const (
	gather     = time.Millisecond // in which concurrent senders come to share a sync
	readAhead  = 1 << 20          // bytes that Run reads at once
	maxSenders = 1024             // whose sequences are known; the one that was silent longest is forgotten
)

var entryBucket, senderBucket = []byte("entries"), []byte("senders")

// Log is a write-ahead log between a source whose events come once and their stream. A transaction makes entries
// durable together with the sequences of their senders. Any number of goroutines may Take, one may Run.
type Log struct {
	LogConfig

	db         *bbolt.DB
	schema     *event.Schema
	names      *event.Symbols
	metrics    *telemetry.WAL
	next       atomic.Uint64       // entry to publish; changed by Run
	sent, safe atomic.Uint64       // what next was at the last barrier, and in the newest complete checkpoint
	room       *semaphore.Weighted // bytes of entries
	bytes      atomic.Int64        // acquired of them
	timed      atomic.Int64        // transaction whose sync is timed
	duplicates atomic.Int64
	wake       chan struct{} // Run has something to do
}

// LogConfig says what a log is for.
type LogConfig struct {
	Part   string         // its name in checkpoints
	Source string         // the kind of source that fills it, for traces
	Limit  int64          // bytes of entries; 0: 1 GiB
	App    *telemetry.App // may be nil
}

// OpenLog opens or creates dir/log.db, for batches of s.
func OpenLog(dir string, s *event.Schema, names *event.Symbols, cfg LogConfig) (*Log, error) {
	db, err := open(dir, "log.db", entryBucket, senderBucket)
	if err != nil {
		return nil, err
	}
	db.MaxBatchDelay = gather
	l := &Log{LogConfig: cfg, db: db, schema: s, names: names, metrics: cfg.App.WAL(), wake: make(chan struct{}, 1)}
	_ = db.View(func(tx *bbolt.Tx) error {
		l.next.Store(first(tx.Bucket(entryBucket)))
		return tx.Bucket(entryBucket).ForEach(func(_, data []byte) error {
			l.bytes.Add(int64(len(data)))
			return nil
		})
	})
	l.Limit = max(cmp.Or(cfg.Limit, 1<<30), l.bytes.Load())
	l.room = semaphore.NewWeighted(l.Limit)
	l.room.TryAcquire(l.bytes.Load())
	l.metrics.Segments().Add(1) // it is one file
	l.metrics.Size().Func(l.bytes.Load)
	return l, nil
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
	size, repeated := int64(len(data)), false
	if err := l.room.Acquire(ctx, size); err != nil {
		return l.failed("take", fmt.Errorf("%d of %d bytes are in use until checkpoints complete: %w", l.bytes.Load(), l.Limit, err))
	}
	err := l.db.Batch(func(tx *bbolt.Tx) (err error) {
		if id := int64(tx.ID()); l.timed.Swap(id) != id { // not timed by another Take that is in it
			start := time.Now()
			tx.OnCommit(func() { l.metrics.SyncDuration().Observe(time.Since(start)) })
		}
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
	if err != nil || repeated {
		l.room.Release(size)
		if err != nil {
			return l.failed("write", err)
		}
		l.duplicates.Add(1)
		return nil
	}
	l.bytes.Add(size)
	l.metrics.Entries().Inc()
	l.metrics.IO().Add(len(data))
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

// repeats reports whether a sender sent seq before, and else notes it; at tells which sender was silent longest.
func repeats(known *bbolt.Bucket, from string, seq, at uint64) (bool, error) {
	last := known.Get([]byte(from))
	if from == "" || last != nil && seq <= binary.BigEndian.Uint64(last) {
		return from != "", nil
	}
	if last == nil {
		n, least, silent := 0, uint64(math.MaxUint64), []byte(nil)
		all := known.Cursor()
		for name, v := all.First(); name != nil; name, v = all.Next() {
			if n++; binary.BigEndian.Uint64(v[8:]) < least {
				least, silent = binary.BigEndian.Uint64(v[8:]), name
			}
		}
		if n >= maxSenders {
			if err := known.Delete(silent); err != nil {
				return false, err
			}
		}
	}
	return false, known.Put([]byte(from), append(key(seq), key(at)...))
}

// encode returns End, the headers and the batch, if there is one.
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
	m.Source, m.ReadStart, m.End = l.Source, time.Now(), r.Uvarint() == 1
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
	var ahead []junction.Message
	for run.Err() == nil {
		begun := c.Begun() // before Pending, or a checkpoint might slip through
		if id := c.Pending(l.Part); id != 0 {
			err := publish(run, junction.Message{Ctx: context.Background(), Barrier: id})
			l.sent.Store(l.next.Load())
			c.Report(id, l.Part, key(l.next.Load()), err)
			if err != nil {
				return err
			}
		}
		if len(ahead) == 0 {
			var err error
			if ahead, err = l.read(); err != nil {
				return l.failed("read", err)
			}
		}
		if len(ahead) > 0 {
			if err := publish(run, ahead[0]); err != nil {
				return err
			}
			ahead = ahead[1:]
			l.next.Add(1)
			continue
		}
		select {
		case <-l.wake:
		case <-begun:
		case <-run.Done():
		case <-stop.Done():
			if len(l.wake) == 0 {
				return nil
			}
		}
	}
	return run.Err()
}

// read returns the next messages, about as many as readAhead says.
func (l *Log) read() (messages []junction.Message, err error) {
	err = l.db.View(func(tx *bbolt.Tx) error {
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
	return messages, err
}

// UnmarshalBinary has Run begin where it was when data was reported. Call it before Run.
func (l *Log) UnmarshalBinary(data []byte) error {
	return l.db.View(func(tx *bbolt.Tx) error {
		from, entries := uint64(0), tx.Bucket(entryBucket)
		if len(data) == 8 {
			from = binary.BigEndian.Uint64(data)
		}
		if from < first(entries) || from > entries.Sequence()+1 {
			return fmt.Errorf("write-ahead log %s goes from entry %d to %d, not on from %d: bring it back, or remove the checkpoints, too",
				l.db.Path(), first(entries), entries.Sequence()+1, from)
		}
		l.next.Store(from)
		l.safe.Store(from)
		return nil
	})
}

// Senders are the sequences that were taken last, by sender.
func (l *Log) Senders() map[string]uint64 {
	last := map[string]uint64{}
	_ = l.db.View(func(tx *bbolt.Tx) error { // fails after Close only
		return tx.Bucket(senderBucket).ForEach(func(name, v []byte) error {
			last[string(name)] = binary.BigEndian.Uint64(v)
			return nil
		})
	})
	return last
}

// Completed removes what neither of the newest two checkpoints needs. It is meant for Coordinator.OnComplete.
func (l *Log) Completed(uint64) error { return l.Truncate(l.safe.Swap(l.sent.Load())) }

// Truncate removes the entries before upTo that were published.
func (l *Log) Truncate(upTo uint64) error {
	removed, upTo := int64(0), min(upTo, l.next.Load())
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
	l.room.Release(removed)
	return nil
}

// Close closes the file. Take and Run fail from then on.
func (l *Log) Close() error { return l.db.Close() }
