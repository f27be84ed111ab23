// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/eventflux-io/eventflux-otel/internal/cardinalityview"
	"github.com/eventflux-io/eventflux-otel/internal/heartbeat"
)

// watcher is an extension that watches loops, and the one loop that it watches.
type watcher struct {
	registry
	what        string
	every       time.Duration
	turns, away int
	gone        bool
}

func (w *watcher) RegisterLoop(_ component.ID, what string, every time.Duration) (loop heartbeat.Loop, unregister func()) {
	w.what, w.every = what, every
	return w, func() { w.gone = true }
}

func (w *watcher) Turn() { w.turns++ }
func (w *watcher) Away() { w.away++ }

func TestTheLoopThatFlushesIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := component.MustNewID("pipeline_health")
		w := &watcher{registry: registry{sources: map[cardinalityview.Source]component.ID{}}}
		cfg := limits(1)
		cfg.HealthExtension = &id
		cfg.Overflow.FlushInterval = 10 * time.Second
		l, err := newLimiterAt(nopSettings(), cfg, &failing{}, time.Now)
		require.NoError(t, err)
		require.NoError(t, l.Start(t.Context(), host{id: w}))
		time.Sleep(35 * time.Second)
		synctest.Wait()
		assert.Equal(t, "flush", w.what)
		assert.Equal(t, 10*time.Second, w.every)
		assert.Equal(t, 4, w.turns, "before the first wait, and after each of three flushes")
		assert.Equal(t, 3, w.away, "with the next component")
		require.NoError(t, l.Shutdown(t.Context()))
		assert.True(t, w.gone)
	})
}
