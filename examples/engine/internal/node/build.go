// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/app"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/plan"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/query"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/table"
)

// build makes everything in the order events pass it, tables first.
func (n *Node) build() (err error) {
	for _, step := range []func() error{
		n.openState, n.openTables, n.compile, n.openOperations, n.openStreams, n.openQueries, n.openFeeds, n.openCluster, n.openTriggers, n.restore, n.openControl,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// compile plans the application.
func (n *Node) compile() (err error) {
	start, runtime := time.Now(), n.handle.Runtime()
	n.plan, err = plan.New(n.app, n.opts.Node, n.parts)
	runtime.QueryCompileDuration(result(err)).Observe(time.Since(start))
	if err != nil {
		return fmt.Errorf("application %s: %w", n.app.Name, err)
	}
	return nil
}

func (n *Node) openTables() error {
	n.parts = plan.Parts{Names: n.names, Tables: map[string]*table.Table{}, App: n.handle}
	for _, decl := range n.app.Tables {
		t, err := n.openTable(decl, decl.Node == n.opts.Node)
		if err != nil {
			return fmt.Errorf("could not open table %s: %w", decl.Name, err)
		}
		n.parts.Tables[decl.Name] = t
		n.closers = append(n.closers, t)
	}
	return nil
}

// openTable opens a table of this node. Of one that is elsewhere only the columns
// are of interest.
func (n *Node) openTable(decl app.Table, here bool) (*table.Table, error) {
	columns, err := plan.Columns(decl.Columns)
	if err != nil {
		return nil, err
	}
	cfg := table.Config{
		Schema: &event.Schema{Stream: decl.Name, Columns: columns}, Key: decl.Key, Indexes: decl.Indexes,
		Names: n.names,
	}
	if !here {
		return table.Open(cfg)
	}
	cfg.App = n.handle
	if decl.Type == "store" {
		cfg.File, cfg.Cache = decl.File, decl.Cache
	}
	t, err := table.Open(cfg)
	if err != nil {
		return nil, err
	}
	if decl.CSV != "" {
		err = t.LoadCSV(decl.CSV)
	}
	rows, wrong := expandRows(decl.Rows)
	if err = errors.Join(err, wrong, t.Load(rows)); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

var strategies = map[string]junction.Strategy{"block": junction.Block, "drop": junction.Drop, "backoff": junction.Backoff}

func (n *Node) openStreams() error {
	for name, s := range n.plan.Streams {
		j := junction.New(n.handle, s.Schema, junction.Policy{
			Strategy: strategies[s.Config.Backpressure], Timeout: time.Duration(s.Config.Timeout),
		})
		j.Producers(max(s.Producers, 1)) // a link is one, too
		n.streams[name] = j
	}
	return nil
}

func (n *Node) openQueries() error {
	for _, q := range n.plan.Queries {
		if err := n.openQuery(q); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) openQuery(q *plan.Query) error {
	cfg := query.Config{ID: q.ID, Into: n.streams[q.Into], Operators: q.Operators, Errors: q.Errors}
	for _, in := range q.Inputs {
		s := n.plan.Streams[in]
		cfg.From = append(cfg.From, n.streams[in].Subscribe(s.Config.Queue))
	}
	sinks, err := n.openSinks(q.Into)
	if err != nil {
		return err
	}
	cfg.Sinks = sinks
	if w := q.Window; w != nil && w.Type == "timeBatch" {
		cfg.Every, err = time.ParseDuration(w.Size)
		if err != nil {
			return fmt.Errorf("query %s: %w", q.ID, err)
		}
	}
	for _, m := range q.EmitMetrics {
		if _, ok := q.Out.Index(m.Column); !ok {
			return fmt.Errorf("query %s cannot emit the metric %s: it selects no column %q", q.ID, m.Name, m.Column)
		}
		cfg.Metrics = append(cfg.Metrics, query.Metric{
			Column: m.Column, As: telemetry.Column{Name: m.Name, Unit: m.Unit, Total: m.Total},
		})
	}
	cfg.OnTrouble = func(s sink.Sink, err error) {
		fmt.Fprintf(n.opts.Stderr, "eventflux-engine: %s does not take events: %v; %s, meanwhile events wait\n", s.Target(), err, s.Advice())
	}
	cfg.OnEnd = n.passed
	if err := n.handleFailures(q, &cfg); err != nil {
		return err
	}
	n.ops.sabotage(&cfg)
	n.durable.query(q.ID, &cfg)
	made, err := query.New(n.handle, cfg)
	n.queries = append(n.queries, made)
	return err
}

// passed logs the counts once the end of the input has passed the last query.
func (n *Node) passed(ctx context.Context) {
	if n.leads() || n.ended.Add(1)%int64(len(n.queries)) != 0 {
		return // who leads says so at its own end
	}
	n.logTotals(ctx, n.Totals())
}
