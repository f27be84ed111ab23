// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package failure

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"go.etcd.io/bbolt"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// Store keeps the failed events of one stream in a bucket of a database, as JSON objects. When it is full the oldest
// go. Safe for any number of goroutines.
type Store struct {
	db     *bbolt.DB
	bucket []byte
	limit  int

	kept atomic.Int64
	lost *telemetry.Counter // events that had to go for others
}

// OpenStore returns the store of a stream, with what former runs have left; limit 0 means 10 000 events. What the limit
// costs is counted as dropped from the stream.
func OpenStore(db *bbolt.DB, stream string, limit int, app *telemetry.App) (*Store, error) {
	s := &Store{
		db: db, bucket: []byte("errors/" + stream), limit: cmp.Or(limit, 10_000),
		lost: app.Stream(stream).EventsDropped(semconv.DropReasonLimit),
	}
	return s, s.Add()
}

// Add keeps events. They are on the disk when it returns, which it waits for once per call.
func (s *Store) Add(events ...[]byte) error {
	var kept, lost int
	err := s.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(s.bucket)
		if err != nil {
			return err
		}
		for _, e := range events {
			seq, _ := b.NextSequence() // fails in read-only transactions only
			if err := b.Put(binary.BigEndian.AppendUint64(nil, seq), e); err != nil {
				return err
			}
		}
		c := b.Cursor()
		if oldest, _ := c.First(); oldest != nil {
			kept = int(b.Sequence()-binary.BigEndian.Uint64(oldest)) + 1 // there are no gaps
		}
		for ; kept > s.limit; kept, lost = kept-1, lost+1 {
			c.First()
			if err := c.Delete(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep failed events in %s: %w", s.db.Path(), err)
	}
	s.kept.Store(int64(kept))
	s.lost.Add(lost)
	return nil
}

// Len is how many events are kept.
func (s *Store) Len() int64 { return s.kept.Load() }

// List returns up to most events, oldest first.
func (s *Store) List(most int) (events []json.RawMessage, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(s.bucket).Cursor()
		for k, v := c.First(); k != nil && len(events) < most; k, v = c.Next() {
			events = append(events, bytes.Clone(v))
		}
		return nil
	})
	return events, err
}
