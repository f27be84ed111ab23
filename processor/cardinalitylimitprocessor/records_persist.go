// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// restore takes up which values had a place in an earlier run, as the limiter of metrics
// does with its series.
func (l *recordLimiter) restore(ctx context.Context, host component.Host) error {
	if l.cfg.Storage == nil {
		return nil
	}
	var err error
	if l.storage, err = openStorage(ctx, host, *l.cfg.Storage, l.id, l.signal); err != nil {
		return err
	}
	values, err := l.restoreNow(ctx)
	if err != nil {
		l.logger.Warn("What the limiter knew before it was restarted cannot be read and is left behind", zap.Error(err))
	}
	if values == nil {
		if err := l.save(ctx); err != nil {
			return fmt.Errorf("storage: %w", err)
		}
	}
	l.stopped.Go(func() {
		loadInto(l.logger, "attribute values", l.values, values, l.now())
		close(l.restored)
		keepSaving(l.logger, l.cfg.SnapshotInterval, l.stop, func() error { return l.save(context.Background()) })
	})
	return nil
}

// restoreNow takes up what must be known before the first record, and returns the values.
// They are nil in the first run.
func (l *recordLimiter) restoreNow(ctx context.Context) (values []byte, err error) {
	ops := []*storage.Operation{storage.GetOperation(keyHead), storage.GetOperation(keyValues)}
	if err := l.storage.Batch(ctx, ops...); err != nil || ops[0].Value == nil {
		return nil, err
	}
	_, seed, err := parseHead(ops[0].Value)
	if err != nil {
		return nil, err
	}
	l.seed = seed
	l.hasher.Reset(seed)
	return ops[1].Value, nil
}

func (l *recordLimiter) save(ctx context.Context) error {
	h, err := json.Marshal(head{Version: headVersion, Seed: l.seed[:]})
	if err != nil {
		return err
	}
	return l.storage.Batch(ctx, storage.SetOperation(keyHead, h), storage.SetOperation(keyValues, l.values.Append(nil)))
}

// closeStorage stores everything for the last time.
func (l *recordLimiter) closeStorage(ctx context.Context) error {
	if l.storage == nil {
		return nil
	}
	err := errors.Join(l.save(ctx), l.storage.Close(ctx))
	l.storage = nil
	if err != nil {
		return fmt.Errorf("store what the limiter knows: %w", err)
	}
	return nil
}
