// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

// ledger is what a worker has counted. Its owner adds to the pending side of the cells during a batch and settles
// them at its end, under the lock: whatever the number of cells, a batch costs one uncontended lock. What is
// settled is published when metrics are collected, by the collecting goroutine.
type ledger struct {
	processed []cells.Cell // by Input.index
	emitted   []cells.Cell // by Output.index
	shares    shares       // bound by Worker.Cell and Worker.Histogram

	mu      sync.Mutex // held to settle, to publish, and to bind more cells
	batches int64
	busy    time.Duration
	blocked time.Duration
	latency cells.Tally
	direct  bool // nobody collects: settling publishes
}

// shares are further cells of a worker.
type shares struct {
	cells      []*cells.Cell
	histograms []*cells.LocalHistogram
}

// settle closes the books of one batch.
func (l *ledger) settle(q *Query, busy, blocked, latency time.Duration, observed bool) {
	l.mu.Lock()
	l.batches++
	l.busy += busy
	l.blocked += blocked
	if observed {
		l.latency.Observe(int64(latency))
	}
	for i := range l.processed {
		l.processed[i].Settle()
	}
	for i := range l.emitted {
		l.emitted[i].Settle()
	}
	for _, c := range l.shares.cells {
		c.Settle()
	}
	for _, h := range l.shares.histograms {
		h.Settle()
	}
	if l.direct {
		l.publishLocked(q)
	}
	l.mu.Unlock()
}

// publish moves everything that is settled into the series of q.
func (l *ledger) publish(q *Query) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.publishLocked(q)
}

func (l *ledger) publishLocked(q *Query) {
	q.batches.Add(l.batches)
	q.busy.Add(int64(l.busy))
	q.blocked.Add(int64(l.blocked))
	l.batches, l.busy, l.blocked = 0, 0, 0
	l.latency.Publish(q.latency)
	for i := range l.processed {
		l.processed[i].Publish()
	}
	for i := range l.emitted {
		l.emitted[i].Publish()
	}
	for _, c := range l.shares.cells {
		c.Publish()
	}
	for _, h := range l.shares.histograms {
		h.Publish()
	}
}

// grow makes room for the inputs and outputs of q that are bound by now.
func (l *ledger) grow(q *Query) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, in := range q.inputs[len(l.processed):] {
		l.processed = append(l.processed, cells.NewCell(in.total))
	}
	for _, out := range q.outputs[len(l.emitted):] {
		l.emitted = append(l.emitted, cells.NewCell(out.total))
	}
}

// maxWorkers is how many workers of one query are asked at a collection. More than that, which is what an engine
// has that never closes its workers, publish at the end of each batch by themselves, and are not held on to.
const maxWorkers = 256

// enlist lets w's ledger be published at collections from now on, if the query has room for it.
func (q *Query) enlist(w *Worker) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.held || len(q.workers) >= maxWorkers {
		w.direct = true
		return
	}
	if q.workers == nil {
		q.workers = make(map[*Worker]struct{})
	}
	q.workers[w] = struct{}{}
}

// dismiss publishes w's ledger for the last time.
func (q *Query) dismiss(w *Worker) {
	q.mu.Lock()
	delete(q.workers, w)
	q.mu.Unlock()
	w.publish(q)
}

// publishWorkers publishes what the workers of the query have settled.
func (q *Query) publishWorkers() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for w := range q.workers {
		w.publish(q)
	}
}

// openQueries are the queries whose workers a collection asks.
type openQueries struct {
	mu  sync.Mutex
	set map[*Query]struct{}
}

func (o *openQueries) add(q *Query) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.set == nil {
		o.set = make(map[*Query]struct{})
	}
	o.set[q] = struct{}{}
}

// remove publishes what the workers of q have settled for the last time.
func (o *openQueries) remove(q *Query) {
	o.mu.Lock()
	delete(o.set, q)
	o.mu.Unlock()
	q.publishWorkers()
}

// publish brings the series of all queries up to date.
func (o *openQueries) publish(time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for q := range o.set {
		q.publishWorkers()
	}
}
