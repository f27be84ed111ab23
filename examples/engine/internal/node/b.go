// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/market"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/operator"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/query"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/table"
)

// B receives window aggregates and writes alerts.
type B struct {
	*app
	server     *link.Server
	aggregates *junction.Junction
	join       *operator.Join
}

// NewB builds node B and opens its address and its sink. Close releases it.
func NewB(sdk *telemetry.SDK, cfg Config) (*B, error) {
	b := &B{app: newApp(sdk, cfg)}
	if err := b.deploy(b.build); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *B) build() error {
	symbols, err := b.symbolTable()
	if err != nil {
		return err
	}
	out, err := sink.OpenFile(b.cfg.Sink, b.names)
	if err != nil {
		return fmt.Errorf("open sink: %w; give a writable file to --sink", err)
	}
	b.closers, b.sinks = append(b.closers, out), append(b.sinks, out)
	b.aggregates = b.stream(market.Aggregate)
	b.server, err = link.Listen(b.cfg.Listen, b.aggregates, b.names, link.NewMeter(b.handle, semconv.DirectionIn))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: the address is in use; stop the other process or choose another --listen", b.cfg.Listen)
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w; choose another --listen", b.cfg.Listen, err)
	}
	b.closers = append(b.closers, b.server)
	return b.deployQueries(symbols, out)
}

func (b *B) symbolTable() (*table.Table, error) {
	var rows [][]string
	for _, c := range market.Table(b.cfg.Symbols) {
		rows = append(rows, []string{c.Symbol, c.Name, c.Sector})
	}
	t, err := table.New(b.names, rows)
	if err != nil {
		return nil, fmt.Errorf("load the symbol table: %w", err)
	}
	b.handle.MemoryFunc("tables", t.Bytes)
	handle := b.handle.Table("symbols", "memory")
	handle.RowsStored().Add(len(rows))
	handle.Size().Func(t.Bytes)
	return t, nil
}

func (b *B) deployQueries(symbols *table.Table, out sink.Sink) error {
	enriched, alerts := b.stream(market.Enriched), b.stream(market.Alert)
	b.join = operator.NewJoin(symbols, market.Aggregate, "symbol", market.Enriched)
	return errors.Join(b.query(query.Config{
		ID: "symbol_join", From: b.aggregates.Subscribe(queueBatches), Into: enriched,
		Operators: []operator.Operator{b.join},
	}), b.query(query.Config{
		ID: "price_alert", From: enriched.Subscribe(queueBatches), Into: alerts,
		Operators: []operator.Operator{operator.NewDeviation(b.cfg.Sliding, b.cfg.Threshold, market.Enriched, market.Alert)},
		Sinks:     []sink.Sink{out},
		OnEnd:     func(ctx context.Context) { b.logTotals(ctx, b.Totals()) },
	}))
}

// Addr is the address that node A connects to.
func (b *B) Addr() string { return b.server.Addr() }

// Run serves until the drain period after stop is over, then finishes what it has received.
func (b *B) Run(ctx, stop context.Context) error {
	b.logger.InfoContext(ctx, "node b started", "listen", b.Addr(), "sink", b.cfg.Sink)
	return b.run(ctx, stop, b.server.Received, b.serve)
}

// serve is the feed of node B: the link server.
func (b *B) serve(run, stop context.Context) error {
	defer b.aggregates.Close()
	failed := make(chan error, 1)
	go func() { failed <- b.server.Serve(run) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the link: %w", err)
	case <-stop.Done():
		b.awaitPeers(run, b.server.Connected)
	case <-run.Done():
	}
	b.server.Stop(run)
	if err := <-failed; err != nil {
		return fmt.Errorf("serve the link: %w", err)
	}
	_, err := b.aggregates.Publish(run, junction.Message{Ctx: context.Background(), End: true})
	return err
}

// Totals returns the counts so far.
func (b *B) Totals() Totals {
	t := b.totals()
	t.Read, t.Unmatched, t.Duplicates = b.server.Received(), b.join.Unmatched(), b.server.Duplicates()
	return t
}

// Close releases the node. Call it after Run.
func (b *B) Close() error { return b.close() }
