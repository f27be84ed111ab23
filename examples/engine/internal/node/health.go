// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/health"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

const (
	// checkEvery is short, so that whoever looks at /health sees the present.
	checkEvery = time.Second
	// fullFor is how many checks in a row a queue must be full before the
	// pipeline counts as degraded: a queue that fills for a moment is what
	// queues are for.
	fullFor = 5
	// waitTarget is how long a batch may wait in a queue.
	waitTarget = 100 * time.Millisecond
)

// watch registers the three checks that the collector's /health shows.
func (n *Node) watch() error {
	var errs []error
	register := func(name string, c health.Check, opts ...health.Option) {
		end, err := n.sdk.Health().Register(name, c, append(opts, health.WithInterval(checkEvery))...)
		n.checks, errs = append(n.checks, end), append(errs, err)
	}
	register("event_pipeline", health.NewPipeline(n.pipeline), health.WithThreshold(fullFor))
	register("state_backend", check(n.checkState))
	register("query_runtime", check(func() error { return n.checkQueries(time.Now()) }))
	return errors.Join(errs...)
}

func check(f func() error) health.Check {
	return health.CheckFunc(func(context.Context) health.Result { return health.FromError(f()) })
}

// pipeline reads the streams. Of the queues the fullest one counts, in batches,
// since one full queue is enough to hold everything up. Latency is how long
// batches wait in a queue: what the queries do with them is their own.
func (n *Node) pipeline() health.Reading {
	var r health.Reading
	r.LatencyTarget = waitTarget
	for _, s := range n.streams {
		r.Events += uint64(s.Totals().Received)
		for _, q := range s.Queues() {
			r.Latency = max(r.Latency, q.LongestWait())
			if batches, capacity := q.Fill(); fuller(batches, capacity, r) {
				r.QueueDepth, r.QueueCapacity = int64(batches), int64(capacity)
			}
		}
	}
	for _, q := range n.queries {
		r.Errors += uint64(q.Totals().Errors)
		r.Dropped += uint64(q.Dropped())
	}
	return r
}

// fuller reports whether a queue is fuller than the one in r.
func fuller(batches, capacity int, r health.Reading) bool {
	return r.QueueCapacity == 0 || int64(batches)*r.QueueCapacity > r.QueueDepth*int64(capacity)
}

// checkState looks at all the state there is: the table of interned texts, which
// refuses new ones when it is full, and the files that keep results.
func (n *Node) checkState() error {
	if size := n.names.Len(); size >= event.DefaultMaxSymbols {
		return fmt.Errorf("the table of symbols is full: it holds %d", size)
	}
	for _, f := range n.sinks {
		if err := f.Check(); err != nil {
			return fmt.Errorf("%s: %w", f.Target(), err)
		}
	}
	return nil
}

// checkQueries looks for queries that do not work.
func (n *Node) checkQueries(now time.Time) error {
	var errs []error
	for _, q := range n.queries {
		errs = append(errs, q.Check(now))
	}
	return errors.Join(errs...)
}
