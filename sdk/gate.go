// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math"
	"sync/atomic"
	"time"
)

// always is below every latency.
const always = time.Duration(math.MinInt64)

// joinFactor is how many times more batches may join a trace than start one: a flood of sampled parents from
// outside must not cost more than that.
const joinFactor = 10

// gates are the token buckets of the process.
type gates struct {
	start bucket // traces started
	join  bucket // batches that joined a trace
	late  bucket // batches traced after the fact

	stopped atomic.Bool
}

// open sets the rates. A total that forbids starting traces leaves the default limit on joins.
func (g *gates) open(total float64) {
	g.start.setRate(total)
	g.late.setRate(total)
	if total <= 0 {
		total = defaultTotal
	}
	g.join.setRate(joinFactor * total)
}

// stop makes all of them refuse.
func (g *gates) stop() {
	g.start.stop()
	g.join.stop()
	g.late.stop()
	g.stopped.Store(true)
}

// publishEvery is how many batches are counted locally before they are published.
const publishEvery = 64

// gate decides for one worker whether a batch starts a trace. It remembers until when the token buckets are sure
// to refuse, so that the common refusal is one comparison of two numbers of its own. Even the refusals are not
// counted one by one: they are what is left of all batches.
type gate struct {
	now       time.Duration // the clock reading of the open batch
	quiet     time.Duration // before this the buckets are known to refuse
	published uint64        // batches whose decisions are published
	others    uint64        // of those after them, the ones that were not skipped
	limited   int64         // of others, the ones that might not join
	refused   bool          // the open batch is one that might not join
}

// admit reports whether the open batch may start a trace.
func (w *Worker) admit() bool {
	return w.gate.now >= w.gate.quiet && w.ask()
}

// ask asks the buckets.
func (w *Worker) ask() bool {
	g, sdk := &w.gate, w.query.app.sdk
	g.publish(&sdk.decisions, w.sequence-1)
	for _, b := range []*bucket{&w.query.bucket, &sdk.gates.start} {
		if !b.take(int64(g.now)) {
			g.quiet = time.Duration(b.next())
			return false
		}
	}
	g.others++
	sdk.decisions[recorded].Add(1)
	return true
}

// join reports whether the open batch may join the trace of another one.
func (w *Worker) join() bool {
	sdk := w.query.app.sdk
	w.gate.others++
	if !sdk.gates.join.take(int64(w.gate.now)) {
		w.gate.refused = true
		w.gate.limited++
		return false
	}
	sdk.decisions[parentForced].Add(1)
	return true
}

// promoted moves the open batch from those not recorded to those recorded late, for the given reason.
func (g *gate) promoted(d *decisions, reason decision) {
	if g.refused {
		g.limited--
	} else {
		g.others++
	}
	d[reason].Add(1)
}

// publish adds to d what is not in it yet of the first batches of the worker.
func (g *gate) publish(d *decisions, batches uint64) {
	if n := batches - g.published - g.others; n > 0 {
		d[skipped].Add(int64(n))
	}
	if g.limited > 0 {
		d[rateLimited].Add(g.limited)
	}
	g.published, g.others, g.limited = batches, 0, 0
}

// since is the clock that the token buckets read.
func (s *SDK) since() time.Duration {
	return time.Since(s.started)
}
