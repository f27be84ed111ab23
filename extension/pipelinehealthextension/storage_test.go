// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/disk"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/metadata"
)

var diskID = component.MustNewID("file_storage")

// fakeDisk is a storage that is full, or forgets, or hangs.
type fakeDisk struct {
	component.StartFunc
	component.ShutdownFunc
	storage.Client

	mu     sync.Mutex
	kept   map[string][]byte
	full   bool
	lies   bool
	hangs  chan struct{}
	closed bool
}

func (d *fakeDisk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return d, nil
}

func (d *fakeDisk) Set(_ context.Context, key string, value []byte) error {
	if d.hangs != nil {
		<-d.hangs
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return errors.New("no space left on device")
	}
	d.kept[key] = value
	return nil
}

func (d *fakeDisk) Get(_ context.Context, key string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lies {
		return nil, nil
	}
	return d.kept[key], nil
}

func (d *fakeDisk) Delete(_ context.Context, key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.kept, key)
	return nil
}

func (d *fakeDisk) Close(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return nil
}

// onDisk starts an extension that writes to d.
func onDisk(t *testing.T, d component.Component) (*healthExtension, error) {
	t.Helper()
	cfg := newDefaultConfig().(*Config)
	cfg.Server.NetAddr.Endpoint = "127.0.0.1:0"
	cfg.Storage = &diskID
	e := newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	e.terminal = quietTerminal()
	host := hostOf{}
	if d != nil {
		host[diskID] = d
	}
	return e, e.Start(t.Context(), host)
}

func TestAStorageIsWrittenTo(t *testing.T) {
	for name, tt := range map[string]struct {
		disk *fakeDisk
		want string
	}{
		"well":    {&fakeDisk{}, `"state_backend":"ok"`},
		"full":    {&fakeDisk{full: true}, `"state_backend":"degraded"`},
		"forgets": {&fakeDisk{lies: true}, `"state_backend":"degraded"`},
	} {
		t.Run(name, func(t *testing.T) {
			d := tt.disk
			d.kept = map[string][]byte{}
			e, err := onDisk(t, d)
			require.NoError(t, err)
			require.NoError(t, e.Ready())
			require.Eventually(t, func() bool { return e.storage.writes.At(time.Now()).State != disk.Unknown }, time.Minute, time.Millisecond)
			_, body := e.ask(t, http.MethodGet, "/health?verbose")
			assert.Contains(t, body, tt.want)
			assert.Contains(t, body, `"storage":{"storage":"file_storage","took_seconds":`)
			assert.NotContains(t, body, "no space left")
			require.NoError(t, e.Shutdown(t.Context()))
			assert.True(t, d.closed)
			if name == "well" {
				assert.Empty(t, d.kept, "nothing is left behind")
			}
		})
	}
}

func TestADiskThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	d := &fakeDisk{kept: map[string][]byte{}, hangs: make(chan struct{})}
	e, err := onDisk(t, d)
	require.NoError(t, err)
	require.ErrorContains(t, e.Shutdown(t.Context()), "a write does not end")
	assert.False(t, d.closed, "it is in use")
	close(d.hangs)
	<-e.storage.ended
}

func TestWhatIsNoStorageIsAnErrorThatNamesTheKey(t *testing.T) {
	_, err := onDisk(t, nil)
	require.ErrorContains(t, err, `storage: extension "file_storage" is not running: add it to service::extensions`)
	_, err = onDisk(t, doorkeeper{})
	require.ErrorContains(t, err, `storage: extension "file_storage" does not store anything`)
}
