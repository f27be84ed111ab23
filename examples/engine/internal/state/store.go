// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package state makes an engine durable: a Coordinator takes aligned checkpoints of everything that has state, a Store
// keeps them, and a Log makes what comes from outside repeatable. After a crash sources go back to the position of the
// newest checkpoint and file sinks are cut to theirs, so that each event counts exactly once.
package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/snapshot"
)

// Checkpoint is the state of an application between two events.
type Checkpoint struct {
	ID      uint64 // from 1 up
	At      time.Time
	Symbols []string          // by id; parts refer to them
	Parts   map[string][]byte // what each part reported
}

const backend = "bbolt"

var bucket = []byte("checkpoints")

// Store keeps the newest two checkpoints in a file. Safe for concurrent use.
type Store struct {
	db            *bbolt.DB
	state         *telemetry.StateStore
	persistence   *telemetry.Persistence
	size, entries atomic.Int64 // of the newest checkpoint
}

// Open opens or creates dir/checkpoints.db.
func Open(dir string, app *telemetry.App) (*Store, error) {
	db, err := open(dir, "checkpoints.db", bucket)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, state: app.StateStore(backend), persistence: app.Persistence(backend)}
	s.state.Size().Func(s.size.Load)
	s.state.Entries().Func(s.entries.Load)
	return s, nil
}

// open opens or creates a file with these buckets, for one process at a time.
func open(dir, file string, buckets ...[]byte) (*bbolt.DB, error) {
	path := filepath.Join(dir, file)
	err := os.MkdirAll(dir, 0o750)
	var db *bbolt.DB
	if err == nil {
		db, err = bbolt.Open(path, 0o640, &bbolt.Options{Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	}
	if err != nil {
		return nil, fmt.Errorf("could not open %s, does another engine use it? %w", path, err)
	}
	return db, db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
}

// Save writes c in one transaction: after a crash all of it is there or nothing. The newest two stay.
func (s *Store) Save(c Checkpoint) error {
	value, err := snapshot.Encode(c)
	if err != nil {
		return fmt.Errorf("could not encode checkpoint %d: %w", c.ID, err)
	}
	err = s.transaction(s.db.Update, semconv.StateOperationCheckpoint, semconv.StateOperationSave, func(tx *bbolt.Tx) error {
		if err := tx.Bucket(bucket).Put(key(c.ID), value); err != nil {
			return err
		}
		all := tx.Bucket(bucket).Cursor()
		all.Last()
		all.Prev()
		if k, _ := all.Prev(); k != nil {
			return all.Delete()
		}
		return nil
	})
	if err == nil {
		s.size.Store(int64(len(value)))
		s.entries.Store(int64(len(c.Parts)))
	}
	return err
}

// Latest returns the newest checkpoint; ok is false if there is none yet.
func (s *Store) Latest() (c Checkpoint, ok bool, err error) {
	err = s.transaction(s.db.View, semconv.StateOperationRestore, semconv.StateOperationLoad, func(tx *bbolt.Tx) error {
		_, value := tx.Bucket(bucket).Cursor().Last()
		if ok = value != nil; !ok {
			return nil
		}
		s.size.Store(int64(len(value)))
		return snapshot.Decode(value, &c)
	})
	s.entries.Store(int64(len(c.Parts)))
	return c, ok && err == nil, err
}

func (s *Store) transaction(
	run func(func(*bbolt.Tx) error) error, state, persistence semconv.StateOperationValue, work func(*bbolt.Tx) error,
) error {
	start := time.Now()
	err := run(work)
	if err != nil {
		err = fmt.Errorf("could not %s a checkpoint in %s: %w", persistence, s.db.Path(), err)
	}
	s.state.Operations(state, resultOf(err)).Inc()
	s.state.OperationDuration(state).Observe(time.Since(start))
	s.persistence.Operations(persistence, resultOf(err)).Inc()
	s.persistence.OperationDuration(persistence).Observe(time.Since(start))
	return err
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

func resultOf(err error) semconv.ResultValue {
	switch {
	case err == nil:
		return semconv.ResultSuccess
	case errors.Is(err, ErrTimeout):
		return semconv.ResultTimeout
	default:
		return semconv.ResultFailure
	}
}
