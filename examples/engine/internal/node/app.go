// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"golang.org/x/sync/errgroup"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/query"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

// app is what both nodes have in common: streams, queries, and their lifecycle.
type app struct {
	cfg     Config
	sdk     *telemetry.SDK
	handle  *telemetry.App
	logger  *slog.Logger
	names   *event.Symbols
	streams []*junction.Junction
	queries []*query.Query
	sinks   []*sink.File
	closers []io.Closer
	checks  []func() // end the health checks
}

// queueBatches is the room of a subscriber's queue.
const queueBatches = 64

// appName is the application both nodes are parts of.
const appName = "stock_alerts"

func newApp(sdk *telemetry.SDK, cfg Config) *app {
	a := &app{cfg: cfg, sdk: sdk, handle: sdk.App(appName), names: &event.Symbols{}}
	a.logger = sdk.Logger().With("target", "eventflux::node", "eventflux.app.name", appName)
	if a.cfg.Stderr == nil {
		a.cfg.Stderr = io.Discard
	}
	a.handle.MemoryFunc("event_pipeline", func() (n int64) {
		for _, s := range a.streams {
			n += s.Bytes()
		}
		return n
	})
	a.handle.MemoryFunc("windows", func() (n int64) {
		for _, q := range a.queries {
			n += q.WindowBytes()
		}
		return n
	})
	a.handle.MemoryFunc("symbols", a.names.Bytes) // interned texts, which all queries share
	return a
}

func (a *app) stream(s *event.Schema) *junction.Junction {
	j := junction.New(a.handle, s)
	a.streams = append(a.streams, j)
	return j
}

func (a *app) query(cfg query.Config) error {
	cfg.OnTrouble = func(s sink.Sink, err error) {
		fmt.Fprintf(a.cfg.Stderr, "eventflux-engine: %s does not take events: %v; %s, meanwhile events wait\n", s.Target(), err, s.Advice())
	}
	q, err := query.New(a.handle, cfg)
	a.queries = append(a.queries, q)
	return err
}

// run works until the feed has ended and every query has finished its work.
// feed gets two contexts: it must give up when the first ends, and bring its
// input to an end when stop does, which is the drain period after asked ends.
// read says how many events have come in.
func (a *app) run(ctx, asked context.Context, read func() int64, feed func(run, stop context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop, release := a.drain(asked, cancel)
	defer release()
	group, run := errgroup.WithContext(ctx)
	if a.cfg.Progress > 0 {
		ticking, done := context.WithCancel(ctx)
		defer done()
		go a.progress(ticking, read)
	}
	for _, q := range a.queries {
		group.Go(func() error { return q.Run(run) })
	}
	group.Go(func() error { return feed(run, stop) })
	err := group.Wait()
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// close releases everything. Call it after run.
func (a *app) close() error {
	var errs []error
	for _, end := range a.checks {
		end()
	}
	for _, c := range a.closers {
		errs = append(errs, c.Close())
	}
	for _, q := range a.queries {
		q.Close()
	}
	a.handle.Close()
	return errors.Join(errs...)
}

// streamLogger is for records about one stream of one query.
func (a *app) streamLogger(queryID string, s *event.Schema) *slog.Logger {
	return a.sdk.Logger().With("target", "eventflux::sink", "query.id", queryID, "stream.name", s.Stream)
}
