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
	Indexes []string      // further columns that are searchable; may be empty
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

	handle         *telemetry.Table
	finds, upserts operation
	scanned        *telemetry.Counter
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
	t.upserts = of(semconv.TableOperationUpsert)
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
func (t *Table) Upsert(rows ...event.Row) (err error) {
	start, added := time.Now(), int64(0)
	old, changes := make(map[uint64]event.Row, len(rows)), make(map[uint64]event.Row, len(rows))
	for _, r := range rows {
		changes[r[t.KeyColumn+1]] = slices.Clone(r)
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	for key := range changes {
		if old[key], _, err = t.find(key); err != nil {
			break
		} else if old[key] == nil {
			added++
		}
	}
	if n := t.Len() + added; err == nil && added > 0 && n > t.MaxRows {
		err = fmt.Errorf("%d rows would exceed max_rows, %d; write fewer keys or raise it", n, t.MaxRows)
	}
	if err == nil && t.store != nil {
		err = t.store.write(changes)
	}
	if t.upserts.record(len(changes), err, start); err != nil {
		return fmt.Errorf("could not change table %s: %w", t.Schema.Stream, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, row := range changes {
		if t.store != nil {
			t.store.keep(key, row)
		} else {
			t.rows[key] = row
		}
		t.index(key, old[key], row)
	}
	t.count.Add(added)
	return nil
}

// index moves key from the words of the old row, which may be nil, to those of the new one.
func (t *Table) index(key uint64, old, row event.Row) {
	for column, keys := range t.indexes {
		word := row[column+1]
		if old != nil && old[column+1] != word {
			if delete(keys[old[column+1]], key); len(keys[old[column+1]]) == 0 {
				delete(keys, old[column+1])
			}
		}
		if keys[word] == nil {
			keys[word] = map[uint64]struct{}{}
		}
		keys[word][key] = struct{}{}
	}
}

func (t *Table) find(key uint64) (row event.Row, cached bool, err error) {
	if t.store != nil {
		return t.store.find(key)
	}
	return t.rows[key], false, nil
}

// Searchable finds the column by which Lookup can find rows: that of the key, or of an index.
func (t *Table) Searchable(name string) (column int, ok bool) {
	column, _ = t.Schema.Index(name)
	_, ok = t.indexes[column]
	return column, ok || name == t.Key
}

// Lookup calls take with the rows that have one of words in a searchable column: with each row of word number i, by key,
// or with nil if there is none. Locks and metrics are taken once for all words; it returns how long that was. Neither this
// callback nor that of Scan may use the table.
func (t *Table) Lookup(column int, words []uint64, take func(i int, row event.Row, err error)) time.Duration {
	start, hits, n, failure, one := time.Now(), 0, 0, error(nil), make([]uint64, 1)
	t.mu.RLock()
	defer t.mu.RUnlock()
	for i, word := range words {
		keys, met := one, false
		if one[0] = word; column != t.KeyColumn {
			keys = slices.Sorted(maps.Keys(t.indexes[column][word]))
		}
		for _, key := range keys {
			row, cached, err := t.find(key)
			if n++; cached {
				hits++
			}
			if err != nil {
				err = fmt.Errorf("could not read table %s: %w", t.Schema.Stream, err)
				failure = err
			} else if row == nil || row[column+1] != word { // in the file it has changed, in the index not yet
				continue
			}
			met = true
			take(i, row, err)
		}
		if !met {
			take(i, nil, nil)
		}
	}
	if t.store != nil {
		t.store.hits.Add(hits)
		t.store.misses.Add(n - hits)
	}
	return t.finds.record(len(words), failure, start)
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
