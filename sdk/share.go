// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

// Cell is a worker's own share of a Counter: plain memory. What a batch added is settled at its
// End and exported with the next collection. It belongs to
// the worker's goroutine. A nil Cell ignores everything.
type Cell cells.Cell

// Cell returns a share of c for this worker. Bind it once, before the first batch.
func (w *Worker) Cell(c *Counter) *Cell {
	if w == nil || c == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	cell := cells.NewCell((*cells.Counter)(c))
	w.shares.cells = append(w.shares.cells, &cell)
	return (*Cell)(&cell)
}

// Add counts n: one plain addition.
func (c *Cell) Add(n int) {
	if c != nil {
		(*cells.Cell)(c).Add(int64(n))
	}
}

// Inc counts one.
func (c *Cell) Inc() {
	if c != nil {
		(*cells.Cell)(c).Add(1)
	}
}

// LocalHistogram is a worker's own share of a Histogram: plain memory. What a batch added is settled at its
// End and exported with the next collection. It
// belongs to the worker's goroutine. A nil LocalHistogram ignores everything.
type LocalHistogram cells.LocalHistogram

// Histogram returns a share of h for this worker. Bind it once, before the first batch.
func (w *Worker) Histogram(h *Histogram) *LocalHistogram {
	if w == nil || h == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	local := cells.NewLocalHistogram((*cells.Histogram)(h))
	w.shares.histograms = append(w.shares.histograms, local)
	return (*LocalHistogram)(local)
}

// Observe records d without an atomic.
func (h *LocalHistogram) Observe(d time.Duration) {
	if h != nil {
		(*cells.LocalHistogram)(h).Observe(int64(d))
	}
}
