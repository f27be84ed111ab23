// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package table

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.etcd.io/bbolt"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/wire"
)

// store keeps rows in a file, and those last asked for in memory, too; there, nil says that a key has no row.
type store struct {
	*Table
	db                    *bbolt.DB
	bucket                []byte // named after the columns, so that others are noticed
	cache                 *lru.Cache[uint64, event.Row]
	hits, misses, evicted *telemetry.Counter
}

func openStore(t *Table, h *telemetry.Table) (s *store, err error) {
	s = &store{Table: t, bucket: fmt.Appendf(nil, "%s of %v", t.Key, t.Schema.Columns), evicted: h.CacheEvictions()}
	s.hits, s.misses = h.CacheLookups(semconv.CacheResultHit), h.CacheLookups(semconv.CacheResultMiss)
	if s.cache, err = lru.New[uint64, event.Row](cmp.Or(t.Cache, 10_000)); err != nil {
		return nil, err
	}
	if s.db, err = bbolt.Open(t.File, 0o644, &bbolt.Options{Timeout: time.Second}); err != nil {
		return nil, fmt.Errorf("%w; does another engine use it?", err)
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		if name, _ := tx.Cursor().First(); name != nil && string(name) != string(s.bucket) {
			return fmt.Errorf("its rows are %s, not %s; move the file away or declare its columns", name, s.bucket)
		}
		b, err := tx.CreateBucketIfNotExists(s.bucket)
		if err == nil {
			t.count.Store(int64(b.Stats().KeyN))
		}
		return err
	})
	if err == nil && len(t.indexes) > 0 {
		err = s.scan(func(r event.Row) bool { t.index(r[t.KeyColumn+1], nil, r); return true })
	}
	if err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// find asks the cache, then the file.
func (s *store) find(key uint64) (row event.Row, cached bool, err error) {
	if row, cached = s.cache.Get(key); cached {
		return row, true, nil
	}
	err = s.db.View(func(tx *bbolt.Tx) (err error) {
		if data := tx.Bucket(s.bucket).Get(s.name(key)); data != nil {
			row, err = s.decode(data)
		}
		return err
	})
	if err == nil {
		s.keep(key, row)
	}
	return row, false, err
}

// keep tells the cache the row of key.
func (s *store) keep(key uint64, row event.Row) {
	if s.cache.Add(key, row) {
		s.evicted.Inc()
	}
}

func (s *store) scan(yield func(event.Row) bool) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(s.bucket).Cursor()
		for name, data := c.First(); name != nil; name, data = c.Next() {
			if row, err := s.decode(data); err != nil || !yield(row) {
				return err
			}
		}
		return nil
	})
}

// write brings rows to the disk, all or none.
func (s *store) write(rows map[uint64]event.Row) error {
	return s.db.Update(func(tx *bbolt.Tx) (err error) {
		for key, row := range rows {
			b := event.NewBatch(s.Schema, 1)
			b.AppendRow(row)
			err = errors.Join(err, tx.Bucket(s.bucket).Put(s.name(key), wire.Encode(nil, b, s.Names)))
		}
		return err
	})
}

// name is what a row is found by in the file. Texts stand for themselves there: their ids differ from run to run.
func (s *store) name(key uint64) []byte {
	if s.Schema.Columns[s.KeyColumn].Type == event.Symbol {
		return []byte("=" + s.Names.Name(event.ID(key))) // it may not be empty
	}
	return fmt.Append(nil, key)
}

func (s *store) decode(data []byte) (event.Row, error) {
	b, err := wire.Decode(data, s.Schema, s.Names)
	if err == nil && b.Len() != 1 {
		err = errors.New("a row of the file is damaged; restore it from a copy")
	}
	if err != nil {
		return nil, err
	}
	return b.Row(0), nil
}
