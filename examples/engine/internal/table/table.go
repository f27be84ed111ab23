// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package table holds rows that streams are joined with and written to, in memory or in a file with a cache before it.
package table

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Config describes a table. Fields without a note are required.
type Config struct {
	Schema  *event.Schema // its Stream is the table's name
	Key     string        // the column that tells rows apart
	Indexes []string      // columns by which Where need not read every row; may be empty
	MaxRows int64         // 0: a million
	File    string        // "": the rows are in memory
	Cache   int           // rows of File that are in memory, too; 0: 10 000
	Names   *event.Symbols
	App     *telemetry.App // may be nil
}

// Table maps keys to rows. The time of a row is that of the event that wrote it, 0 if it was loaded. Rows that a table
// gives out never change. Any number of goroutines may use it; only those that write wait for the disk.
type Table struct {
	Config
	KeyColumn int

	writing sync.Mutex           // held by a writer from its first step to the last
	mu      sync.RWMutex         // held by readers, and for the moment in which a change appears
	rows    map[uint64]event.Row // by key; unused if there is a store
	store   *store
	indexes map[int]map[uint64]map[uint64]struct{} // keys by column and its word
	count   atomic.Int64

	handle                  *telemetry.Table
	finds, upserts, deletes operation
	scanned                 *telemetry.Counter
}

// Open returns a table with the rows that cfg.File has.
func Open(cfg Config) (t *Table, err error) {
	t = &Table{Config: cfg, rows: map[uint64]event.Row{}, indexes: map[int]map[uint64]map[uint64]struct{}{}}
	t.MaxRows = cmp.Or(t.MaxRows, 1_000_000)
	for _, name := range append(slices.Clip(cfg.Indexes), cfg.Key) {
		i, ok := t.Schema.Index(name)
		if !ok {
			return nil, fmt.Errorf("could not open table %s: it has no column %q for its key or an index", t.Schema.Stream, name)
		}
		t.indexes[i], t.KeyColumn = map[uint64]map[uint64]struct{}{}, i
	}
	delete(t.indexes, t.KeyColumn)
	kind := "memory"
	if t.File != "" {
		kind = "store"
	}
	h := t.App.Table(t.Schema.Stream, kind)
	of := func(op semconv.TableOperationValue) operation {
		return operation{h.Operations(op, semconv.ResultSuccess), h.Operations(op, semconv.ResultFailure), h.OperationDuration(op)}
	}
	t.handle, t.scanned, t.finds = h, h.RowsScanned(), of(semconv.TableOperationFind)
	t.upserts, t.deletes = of(semconv.TableOperationUpsert), of(semconv.TableOperationDelete)
	if t.File != "" {
		if t.store, err = openStore(t, h); err != nil {
			h.Close()
			return nil, fmt.Errorf("could not open table %s in %s: %w", t.Schema.Stream, t.File, err)
		}
	}
	h.RowsStored().Func(t.held)
	h.Size().Func(t.Bytes)
	return t, nil
}

// Len is the number of rows.
func (t *Table) Len() int64 { return t.count.Load() }

// held is the number of rows in memory.
func (t *Table) held() int64 {
	if t.store != nil {
		return int64(t.store.cache.Len())
	}
	return t.Len()
}

// Bytes estimates the memory held, without the texts.
func (t *Table) Bytes() int64 {
	const row, entry = 56, 64 // beside the columns: of a row in its map, and of a row in an index
	return t.held()*int64(row+8*len(t.Schema.Columns)) + t.Len()*int64(entry*len(t.indexes))
}

// Upsert adds copies of rows, or puts them in the place of those with their keys: all, or none and an error. A store has
// them on disk when it returns, so many at once are cheaper.
func (t *Table) Upsert(rows ...event.Row) error {
	changes := make(map[uint64]event.Row, len(rows))
	for _, r := range rows {
		changes[r[t.KeyColumn+1]] = slices.Clone(r)
	}
	_, err := t.change(t.upserts, changes)
	return err
}

// Delete takes the row of key away; ok is false if there was none.
func (t *Table) Delete(key uint64) (ok bool, err error) {
	added, err := t.change(t.deletes, map[uint64]event.Row{key: nil})
	return added < 0, err
}

// change puts rows in the place of those with their keys; nil is no row.
func (t *Table) change(op operation, rows map[uint64]event.Row) (added int64, err error) {
	start, old := time.Now(), make(map[uint64]event.Row, len(rows))
	t.writing.Lock()
	defer t.writing.Unlock()
	for key, row := range rows {
		if old[key], _, err = t.find(key); err != nil {
			break
		}
		added += int64(min(len(row), 1) - min(len(old[key]), 1))
	}
	if n := t.Len() + added; err == nil && added > 0 && n > t.MaxRows {
		err = fmt.Errorf("%d rows would exceed max_rows, %d; delete some or raise it", n, t.MaxRows)
	}
	if err == nil && t.store != nil {
		err = t.store.write(rows)
	}
	if op.record(len(rows), err, start); err != nil {
		return 0, fmt.Errorf("could not change table %s: %w", t.Schema.Stream, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, row := range rows {
		if t.store != nil {
			t.store.keep(key, row)
		} else if t.rows[key] = row; row == nil {
			delete(t.rows, key)
		}
		t.index(key, old[key], row)
	}
	t.count.Add(added)
	return added, nil
}

// index moves key from the words of the old row to those of the new one; either may be nil.
func (t *Table) index(key uint64, old, row event.Row) {
	for column, keys := range t.indexes {
		if old != nil && row != nil && old[column+1] == row[column+1] {
			continue
		}
		if old != nil {
			if delete(keys[old[column+1]], key); len(keys[old[column+1]]) == 0 {
				delete(keys, old[column+1])
			}
		}
		if row != nil {
			if keys[row[column+1]] == nil {
				keys[row[column+1]] = map[uint64]struct{}{}
			}
			keys[row[column+1]][key] = struct{}{}
		}
	}
}

func (t *Table) find(key uint64) (row event.Row, cached bool, err error) {
	if t.store != nil {
		return t.store.find(key)
	}
	return t.rows[key], false, nil
}

// Lookup calls take with the row of each key, nil if there is none, until it returns false. Locks and metrics are taken
// once for all keys; it returns how long that was. Neither this callback nor those below may use the table.
func (t *Table) Lookup(keys []uint64, take func(i int, row event.Row, err error) bool) time.Duration {
	start, hits, n, failure := time.Now(), 0, 0, error(nil)
	t.mu.RLock()
	defer t.mu.RUnlock()
	for more := true; more && n < len(keys); n++ {
		row, cached, err := t.find(keys[n])
		if cached {
			hits++
		}
		if err != nil {
			err = fmt.Errorf("could not read table %s: %w", t.Schema.Stream, err)
			failure = err
		}
		more = take(n, row, err)
	}
	if t.store != nil {
		t.store.hits.Add(hits)
		t.store.misses.Add(n - hits)
	}
	return t.finds.record(n, failure, start)
}

// Find returns the row of key, nil if there is none.
func (t *Table) Find(key uint64) (row event.Row, err error) {
	t.Lookup([]uint64{key}, func(_ int, r event.Row, e error) bool { row, err = r, e; return false })
	return row, err
}

// Where calls yield for each row with word in a column until it returns false.
func (t *Table) Where(column string, word uint64, yield func(event.Row) bool) (err error) {
	c, ok := t.Schema.Index(column)
	if !ok {
		return fmt.Errorf("could not read table %s: it has no column %q", t.Schema.Stream, column)
	}
	keys := []uint64{word}
	if c != t.KeyColumn {
		t.mu.RLock()
		index, ok := t.indexes[c]
		keys = slices.Collect(maps.Keys(index[word]))
		t.mu.RUnlock()
		if !ok {
			return t.Scan(func(r event.Row) bool { return r[c+1] != word || yield(r) })
		}
	}
	t.Lookup(keys, func(_ int, r event.Row, e error) bool {
		err = e
		return e == nil && (r == nil || r[c+1] != word || yield(r)) // the row may have changed since
	})
	return err
}

// Scan calls yield for each row until it returns false.
func (t *Table) Scan(yield func(event.Row) bool) (err error) {
	start, n := time.Now(), 0
	next := func(r event.Row) bool { n++; return yield(r) }
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.store != nil {
		if err = t.store.scan(next); err != nil {
			err = fmt.Errorf("could not read table %s: %w", t.Schema.Stream, err)
		}
	}
	for _, r := range t.rows {
		if !next(r) {
			break
		}
	}
	t.scanned.Add(n)
	t.finds.record(1, err, start)
	return err
}

// Close releases the file and ends the series of the table.
func (t *Table) Close() error {
	t.handle.Close()
	if t.store != nil {
		return t.store.db.Close()
	}
	return nil
}

// operation is how one kind of work on a table is reported.
type operation struct {
	done, failed *telemetry.Counter
	took         *telemetry.Histogram
}

// record counts n operations since start, failed ones if err says so, and observes how long one took.
func (o operation) record(n int, err error, start time.Time) time.Duration {
	took := time.Since(start)
	if err != nil {
		o.done = o.failed
	}
	o.done.Add(n)
	o.took.Observe(took / time.Duration(max(n, 1)))
	return took
}
