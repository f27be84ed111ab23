// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/disk"
)

const (
	// writeInterval is from the end of one write to the begin of the next.
	writeInterval = 10 * time.Second
	// probeKey is what is written, read back and deleted.
	probeKey = "probe"
)

// storageProbe writes to a storage extension at intervals. It has a client of its
// own, and with file_storage a small file beside those that matter.
type storageProbe struct {
	client storage.Client
	writes disk.Writes
	ended  chan struct{}
}

// openStorage finds the extension that the configuration names.
func (e *healthExtension) openStorage(ctx context.Context, host component.Host) (*storageProbe, error) {
	if e.cfg.Storage == nil {
		return nil, nil
	}
	extension, ok := host.GetExtensions()[*e.cfg.Storage]
	if !ok {
		return nil, fmt.Errorf("storage: extension %q is not running: add it to service::extensions", e.cfg.Storage)
	}
	opener, ok := extension.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: extension %q does not store anything: name one such as file_storage", e.cfg.Storage)
	}
	client, err := opener.GetClient(ctx, component.KindExtension, e.set.ID, "probe")
	if err != nil {
		return nil, fmt.Errorf("storage: open %q: %w", e.cfg.Storage, err)
	}
	return &storageProbe{client: client, ended: make(chan struct{})}, nil
}

// probe writes until ctx ends.
func (p *storageProbe) probe(ctx context.Context) {
	defer close(p.ended)
	ticker := time.NewTicker(writeInterval)
	defer ticker.Stop()
	for {
		p.writes.Begin(time.Now())
		p.writes.End(p.write(ctx), time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (p *storageProbe) write(ctx context.Context) error {
	written := []byte(time.Now().Format(time.RFC3339Nano))
	if err := p.client.Set(ctx, probeKey, written); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	read, err := p.client.Get(ctx, probeKey)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if !bytes.Equal(read, written) {
		return errors.New("what was read is not what was written")
	}
	if err = p.client.Delete(ctx, probeKey); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

// close waits for the write under way, but not for a disk that hangs.
func (p *storageProbe) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, goodbyeTimeout)
	defer cancel()
	select {
	case <-p.ended:
		return p.client.Close(ctx)
	case <-ctx.Done():
		return errors.New("storage: a write does not end: it is left alone")
	}
}
