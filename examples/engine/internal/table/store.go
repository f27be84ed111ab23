// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package table

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.etcd.io/bbolt"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// store keeps rows in a file, and those last asked for in memory, too; there, nil says that a key has no row.
type store struct {
	table                 *Table
	db                    *bbolt.DB
	bucket                []byte // named after the columns, so that others are noticed
	cache                 *lru.Cache[uint64, event.Row]
	hits, misses, evicted *telemetry.Counter
}

func (t *Table) openStore(h *telemetry.Table) (err error) {
	s := &store{table: t, bucket: fmt.Appendf(nil, "%s of %v", t.Key, t.Schema.Columns), evicted: h.CacheEvictions()}
	s.hits, s.misses = h.CacheLookups(semconv.CacheResultHit), h.CacheLookups(semconv.CacheResultMiss)
	if s.cache, err = lru.New[uint64, event.Row](cmp.Or(t.Cache, 10_000)); err != nil {
		return err
	}
	if s.db, err = bbolt.Open(t.File, 0o644, &bbolt.Options{Timeout: time.Second}); err != nil {
		return fmt.Errorf("%w; does another engine use it?", err)
	}
	if err = s.db.Update(s.begin); err == nil && len(t.indexes) > 0 {
		err = s.scan(func(r event.Row) bool { t.index(r[t.KeyColumn+1], nil, r); return true })
	}
	if err != nil {
		return errors.Join(err, s.db.Close())
	}
	t.store = s
	t.bind(h, s.held)
	return nil
}

// begin counts the rows of the file, or makes room for them.
func (s *store) begin(tx *bbolt.Tx) error {
	if name, _ := tx.Cursor().First(); name != nil && string(name) != string(s.bucket) {
		return fmt.Errorf("its rows are %s, not %s; move the file away or declare its columns", name, s.bucket)
	}
	b, err := tx.CreateBucketIfNotExists(s.bucket)
	if err == nil {
		s.table.count.Store(int64(b.Stats().KeyN))
	}
	return err
}

func (s *store) held() int64 { return int64(s.cache.Len()) }

// find asks the cache, then the file.
func (s *store) find(key uint64) (row event.Row, cached bool, err error) {
	if row, cached = s.cache.Get(key); cached {
		return row, true, nil
	}
	err = s.db.View(func(tx *bbolt.Tx) (err error) {
		if data := tx.Bucket(s.bucket).Get(s.key(key)); data != nil {
			row, err = s.decode(data)
		}
		return err
	})
	if err == nil {
		s.keep(key, row)
	}
	return row, false, err
}

// keep puts what is known of key into the cache.
func (s *store) keep(key uint64, row event.Row) {
	if s.cache.Add(key, row) {
		s.evicted.Inc()
	}
}

func (s *store) scan(yield func(event.Row) bool) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(s.bucket).Cursor()
		for k, data := c.First(); k != nil; k, data = c.Next() {
			if row, err := s.decode(data); err != nil || !yield(row) {
				return err
			}
		}
		return nil
	})
}

// write brings rows to the disk, all or none; nil is no row.
func (s *store) write(rows map[uint64]event.Row) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		b, errs := tx.Bucket(s.bucket), []error(nil)
		for key, row := range rows {
			if row == nil {
				errs = append(errs, b.Delete(s.key(key)))
			} else {
				errs = append(errs, b.Put(s.key(key), s.encode(row)))
			}
		}
		return errors.Join(errs...)
	})
}

// key is the name of a row in the file. Texts stand for themselves there, since their ids differ from run to run.
func (s *store) key(word uint64) []byte {
	if s.table.Schema.Columns[s.table.KeyColumn].Type == event.Symbol {
		return []byte("=" + s.table.Names.Name(event.ID(word))) // a name may not be empty
	}
	return fmt.Append(nil, word)
}

// stored is a row in the file. Its texts are bytes because they need not be UTF-8.
type stored struct {
	Words event.Row
	Texts [][]byte
}

func (s *store) encode(r event.Row) []byte {
	to := stored{Words: r}
	for i, c := range s.table.Schema.Columns {
		if c.Type == event.Symbol {
			to.Texts = append(to.Texts, []byte(s.table.Names.Name(r.Symbol(i))))
		}
	}
	data, _ := json.Marshal(to) // numbers and bytes have a form
	return data
}

func (s *store) decode(data []byte) (event.Row, error) {
	var from stored
	if err := json.Unmarshal(data, &from); err != nil {
		return nil, fmt.Errorf("a row of the file is damaged: %w; restore it from a copy", err)
	}
	for i, c := range s.table.Schema.Columns {
		if c.Type == event.Symbol {
			id, err := s.table.Names.Intern(string(from.Texts[0]))
			if err != nil {
				return nil, err
			}
			from.Words.SetSymbol(i, id)
			from.Texts = from.Texts[1:]
		}
	}
	return from.Words, nil
}
