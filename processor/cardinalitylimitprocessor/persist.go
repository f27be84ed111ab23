// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
)

// Keys of what is stored. All are written in one go.
const (
	keyHead   = "head"
	keySeries = "series"
	keyValues = "values"
	keyLedger = "ledger"
)

const headVersion = 1

// head is what has to be known before the first point arrives.
type head struct {
	Version int `json:"version"`
	// Seed makes the fingerprints of the other parts mean something.
	Seed []byte `json:"seed"`
	// InstanceID is that of the overflow series.
	InstanceID string `json:"instance_id,omitempty"`
	// AtRest says that nothing was written to overflow series after this.
	AtRest bool `json:"at_rest,omitempty"`
	// Released is when a place was last given back by a point that said so.
	Released uint64 `json:"released,omitempty"`
}

// restore takes up what an earlier run left. What cannot be read is left behind with a
// warning: a limiter that forgot everything is better than a collector that does not start.
// Series load in the background; whoever comes meanwhile is counted as if new.
func (l *limiter) restore(ctx context.Context, host component.Host) error {
	if l.cfg.Storage == nil {
		return nil
	}
	var err error
	if l.storage, err = openStorage(ctx, host, *l.cfg.Storage, l.id, "metrics"); err != nil {
		return err
	}
	series, values, err := l.restoreNow(ctx)
	if err != nil {
		l.logger.Warn("What the limiter knew before it was restarted cannot be read and is left behind", zap.Error(err))
		if err := l.save(ctx, false); err != nil {
			return fmt.Errorf("storage: %w", err)
		}
	}
	l.stopped.Go(func() {
		loadInto(l.logger, "series", l.table, series, l.now())
		loadInto(l.logger, "attribute values", l.values, values, l.now())
		close(l.restored)
		keepSaving(l.logger, l.cfg.SnapshotInterval, l.stop, func() error { return l.save(context.Background(), false) })
	})
	return nil
}

// openStorage returns what the limiter of one signal keeps in a storage extension.
func openStorage(
	ctx context.Context, host component.Host, extension, limiter component.ID, signal string,
) (storage.Client, error) {
	found, ok := host.GetExtensions()[extension]
	if !ok {
		return nil, fmt.Errorf("storage: extension %q is not in service::extensions", extension)
	}
	opener, ok := found.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: extension %q does not store anything; name one such as file_storage", extension)
	}
	client, err := opener.GetClient(ctx, component.KindProcessor, limiter, signal)
	if err != nil {
		return nil, fmt.Errorf("storage: open %q (two pipelines cannot share a processor that has one; "+
			"give each a name, such as %s/second): %w", extension, limiter.Type(), err)
	}
	return client, nil
}

// restoreNow takes up what must be known before the first point, and returns the rest.
func (l *limiter) restoreNow(ctx context.Context) (series, values []byte, err error) {
	ops := []*storage.Operation{
		storage.GetOperation(keyHead), storage.GetOperation(keySeries),
		storage.GetOperation(keyValues), storage.GetOperation(keyLedger),
	}
	if err := l.storage.Batch(ctx, ops...); err != nil {
		return nil, nil, err
	}
	if ops[0].Value == nil { // the first run
		return nil, nil, l.save(ctx, false)
	}
	h, seed, err := parseHead(ops[0].Value)
	if err != nil {
		return nil, nil, err
	}
	if err := l.ledger.Load(ops[3].Value, h.AtRest, pcommon.NewTimestampFromTime(l.now())); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", keyLedger, err)
	}
	l.seed = seed
	l.hasher.Reset(seed)
	l.released.Store(h.Released)
	if h.AtRest {
		l.overflow.instanceID = h.InstanceID
	}
	series, values = ops[1].Value, ops[2].Value
	// From here on overflow series are written to: should this run end without a word, the
	// next one must know.
	return series, values, l.saveHead(ctx, false)
}

func parseHead(stored []byte) (h head, seed identity.Seed, err error) {
	if err := json.Unmarshal(stored, &h); err != nil {
		return h, seed, fmt.Errorf("%s: %w", keyHead, err)
	}
	if h.Version != headVersion || len(h.Seed) != len(seed) {
		return h, seed, fmt.Errorf("%s: version %d with a seed of %d bytes, want version %d with %d bytes",
			keyHead, h.Version, len(h.Seed), headVersion, len(seed))
	}
	copy(seed[:], h.Seed)
	return h, seed, nil
}

func loadInto(logger *zap.Logger, what string, into *budget.Table, snapshot []byte, now time.Time) {
	if snapshot == nil {
		return
	}
	if err := into.Load(snapshot, into.Tick(now)); err != nil {
		logger.Warn("The limiter forgot its "+what+" of before it was restarted", zap.Error(err))
	}
}

// keepSaving saves once in every interval until stop is closed.
func keepSaving(logger *zap.Logger, interval time.Duration, stop <-chan struct{}, save func() error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := save(); err != nil {
				logger.Warn("The limiter cannot store what it knows; after a restart it would know less", zap.Error(err))
			}
		case <-stop:
			return
		}
	}
}

// save stores everything in one go.
func (l *limiter) save(ctx context.Context, atRest bool) error {
	books, err := l.ledger.Append(nil, pcommon.NewTimestampFromTime(l.now()))
	if err != nil {
		return err
	}
	h, err := l.head(atRest)
	if err != nil {
		return err
	}
	return l.storage.Batch(ctx,
		storage.SetOperation(keyHead, h),
		storage.SetOperation(keySeries, l.table.Append(nil)),
		storage.SetOperation(keyValues, l.values.Append(nil)),
		storage.SetOperation(keyLedger, books),
	)
}

func (l *limiter) saveHead(ctx context.Context, atRest bool) error {
	h, err := l.head(atRest)
	if err != nil {
		return err
	}
	return l.storage.Set(ctx, keyHead, h)
}

func (l *limiter) head(atRest bool) ([]byte, error) {
	return json.Marshal(head{
		Version:    headVersion,
		Seed:       l.seed[:],
		InstanceID: l.overflow.instanceID,
		AtRest:     atRest,
		Released:   l.released.Load(),
	})
}

// closeStorage stores everything for the last time.
func (l *limiter) closeStorage(ctx context.Context) error {
	err := errors.Join(l.save(ctx, true), l.storage.Close(ctx))
	l.storage = nil
	if err != nil {
		return fmt.Errorf("store what the limiter knows: %w", err)
	}
	return nil
}
