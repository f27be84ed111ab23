// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/app"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/failure"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/plan"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/query"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

// Node runs its part of an application.
type Node struct {
	opts     Options
	app      *app.App
	sdk      *telemetry.SDK
	handle   *telemetry.App
	logger   *slog.Logger
	names    *event.Symbols
	plan     *plan.Plan
	parts    plan.Parts
	streams  map[string]*junction.Junction
	queries  []*query.Query
	inputs   []input
	server   *link.Server          // of streams that come from other nodes; nil: none does
	peers    map[string]*link.Peer // by address
	sinks    []*sink.File
	closers  []io.Closer
	checks   []func()     // end the health checks
	ended    atomic.Int64 // queries that the end of the input has passed
	durable  durable
	failures failures
	ops      operations
}

// input brings events into streams until its input or stop ends. It must give up
// when run ends.
type input struct {
	run    func(run, stop context.Context) error
	totals func(*Totals) // adds what it has counted
	leads  bool          // its end is the end of the input of the node
}

// New builds the node and opens what it reads and writes. Close releases it.
func New(sdk *telemetry.SDK, a *app.App, o Options) (*Node, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	n := &Node{
		opts: o, app: a, sdk: sdk, handle: sdk.App(a.Name), names: &event.Symbols{},
		failures: failures{handlers: map[string]*failure.Handler{}, stores: map[string]*failure.Store{}},
		streams:  map[string]*junction.Junction{}, peers: map[string]*link.Peer{},
	}
	n.logger = sdk.Logger().With("target", "eventflux::node", "eventflux.app.name", a.Name)
	n.memory()
	return n, n.deploy()
}

// memory says what holds how much.
func (n *Node) memory() {
	n.handle.MemoryFunc("event_pipeline", func() (bytes int64) {
		for _, s := range n.streams {
			bytes += s.Bytes()
		}
		return bytes
	})
	for component, kinds := range map[string][]string{
		"windows": {"window", "partition"}, "patterns": {"join", "pattern"}, "aggregations": {"aggregation"},
	} {
		n.handle.MemoryFunc(component, func() (bytes int64) {
			for _, q := range n.queries {
				bytes += q.StateBytes(kinds...)
			}
			return bytes
		})
	}
	n.handle.MemoryFunc("tables", func() (bytes int64) {
		for _, t := range n.parts.Tables {
			bytes += t.Bytes()
		}
		return bytes
	})
	n.handle.MemoryFunc("symbols", n.names.Bytes) // interned texts, which all queries share
}

// Run works until the input has ended, or asked ends, and every query has
// finished its work. With Linger it then waits for asked.
func (n *Node) Run(ctx, asked context.Context) error {
	n.logger.InfoContext(ctx, n.name()+" started", "queries", len(n.queries), "listen", n.Addr())
	if err := n.work(ctx, asked); err != nil {
		return err
	}
	n.logTotals(ctx, n.Totals())
	if n.opts.Linger {
		<-asked.Done()
	}
	return nil
}

func (n *Node) name() string {
	if n.opts.Node == "" {
		return "node"
	}
	return "node " + n.opts.Node
}

func (n *Node) work(ctx, asked context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop, release := n.drain(asked, cancel)
	defer release()
	stop, end := context.WithCancel(stop)
	defer end()
	group, run := errgroup.WithContext(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	background, done := context.WithCancel(ctx)
	defer done()
	n.attend(background, &beside)
	for _, q := range n.queries {
		group.Go(func() error { return q.Run(run) })
	}
	var leading sync.WaitGroup
	for _, f := range n.inputs {
		if f.leads {
			leading.Add(1)
		}
		group.Go(func() error {
			if f.leads {
				defer leading.Done()
			}
			return f.run(run, stop)
		})
	}
	if n.leads() {
		go func() { leading.Wait(); end() }()
	}
	err := group.Wait()
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// leads reports whether some feed decides when the input has ended. Without
// one the node works until it is stopped.
func (n *Node) leads() bool {
	for _, f := range n.inputs {
		if f.leads {
			return true
		}
	}
	return false
}

// Close releases everything. Call it after Run.
func (n *Node) Close() error {
	var errs []error
	for _, end := range n.checks {
		end()
	}
	if n.durable.keep != nil {
		n.durable.keep.Wait()
	}
	for _, c := range n.closers {
		errs = append(errs, c.Close())
	}
	for _, q := range n.queries {
		q.Close()
	}
	n.handle.Close()
	return errors.Join(errs...)
}
