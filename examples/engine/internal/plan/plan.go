// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package plan turns an application file into streams with schemas and queries
// with operators, and says which of them run on which node. It opens nothing
// but the tables that it is given.
package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/app"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/failure"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/operator"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/rollup"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/schedule"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/table"
)

// Plan is what one node has to build.
type Plan struct {
	Node    string
	Queries []*Query           // of this node, in the order events pass them
	Streams map[string]*Stream // all that touch this node

	Aggregations map[string]*rollup.Rollup
}

// Query is a query of this node, ready to be bound.
type Query struct {
	app.Query

	Operators []operator.Operator
	Errors    []string // the values of error.type that they report
	Inputs    []string // streams
	Out       *event.Schema
}

// Stream is a stream as this node sees it.
type Stream struct {
	*event.Schema

	Config    app.Stream
	Producers int      // queries, sources and triggers here that write it
	From      string   // the node that it comes from, if not from here
	To        []string // other nodes that read it
}

// Parts are what exists before the plan: what operators look things up in.
type Parts struct {
	Names  *event.Symbols
	Tables map[string]*table.Table // those of other nodes, too; they may be empty
	App    *telemetry.App          // may be nil
}

// DLQ is the name of the dead-letter stream of a stream.
func DLQ(stream string) string { return stream + "_DLQ" }

// letters reports whether a stream has one.
func letters(s app.Stream) bool { return strings.TrimPrefix(s.OnError, "retry-then-") == "stream" }

type planner struct {
	app     *app.App
	parts   Parts
	schemas map[string]*event.Schema
	made    map[string][]string // nodes that write a stream
	read    map[string][]string // nodes that read it
	plan    *Plan
}

// New plans the part of an application that runs on a node.
func New(a *app.App, node string, parts Parts) (*Plan, error) {
	p := &planner{
		app: a, parts: parts, schemas: map[string]*event.Schema{}, made: map[string][]string{}, read: map[string][]string{},
		plan: &Plan{Node: node, Streams: map[string]*Stream{}, Aggregations: map[string]*rollup.Rollup{}},
	}
	if err := p.declared(); err != nil {
		return nil, err
	}
	if err := p.queries(); err != nil {
		return nil, err
	}
	return p.plan, p.streams()
}

// declared gathers the schemas of the streams that the file describes.
func (p *planner) declared() error {
	var errs []error
	for _, s := range p.app.Streams {
		if len(s.Columns) == 0 {
			continue
		}
		columns, err := Columns(s.Columns)
		if err != nil {
			errs = append(errs, fmt.Errorf("stream %s: %w", s.Name, err))
		}
		p.know(&event.Schema{Stream: s.Name, Columns: columns})
	}
	for _, s := range p.app.Sources {
		p.made[s.Stream] = append(p.made[s.Stream], s.Node)
	}
	for _, t := range p.app.Triggers {
		p.made[t.Name] = append(p.made[t.Name], t.Node)
		p.know(schedule.TriggerSchema(t.Name))
	}
	for name := range p.made {
		if p.schemas[name] == nil {
			errs = append(errs, fmt.Errorf("stream %s has a source but no columns; declare it in [[streams]]", name))
		}
	}
	return errors.Join(errs...)
}

// know notes the schema of a stream, and of its dead letters.
func (p *planner) know(s *event.Schema) {
	p.schemas[s.Stream] = s
	if letters(p.config(s.Stream)) {
		p.schemas[DLQ(s.Stream)] = failure.DeadLetters(s)
	}
}

// Columns reads "name type" pairs.
func Columns(list []string) ([]event.Column, error) {
	types := map[string]event.Type{"string": event.Symbol, "double": event.Float, "long": event.Int, "time": event.Time}
	var out []event.Column
	for _, one := range list {
		name, kind, _ := strings.Cut(strings.TrimSpace(one), " ")
		t, ok := types[strings.TrimSpace(kind)]
		if !ok || name == "" {
			return nil, fmt.Errorf("column %q: want a name and one of the types string, double, long, time", one)
		}
		out = append(out, event.Column{Name: name, Type: t})
	}
	return out, nil
}

// queries plans each query once the schemas of its inputs are known.
func (p *planner) queries() error {
	waiting := slices.Clone(p.app.Queries)
	for len(waiting) > 0 {
		var later []app.Query
		for _, q := range waiting {
			if slices.ContainsFunc(inputs(q), func(s string) bool { return p.schemas[s] == nil }) {
				later = append(later, q)
				continue
			}
			if err := p.query(q); err != nil {
				return fmt.Errorf("query %s: %w", q.ID, err)
			}
		}
		if len(later) == len(waiting) {
			q := later[0]
			return fmt.Errorf("query %s reads a stream that nothing writes, or that depends on the query itself: %s",
				q.ID, strings.Join(inputs(q), ", "))
		}
		waiting = later
	}
	return nil
}

// inputs are the streams that a query reads.
func inputs(q app.Query) []string {
	in := []string{q.From}
	switch {
	case q.Join != nil && q.Join.Stream != "":
		in = append(in, q.Join.Stream)
	case q.Pattern != nil && q.Pattern.Stream != "" && q.Pattern.Stream != q.From:
		in = append(in, q.Pattern.Stream)
	}
	return in
}

func (p *planner) query(q app.Query) error {
	here := q.Node == p.plan.Node
	c := &chain{planner: p, query: q, here: here, at: p.schemas[q.From]}
	if q.Filter != "" && len(inputs(q)) > 1 {
		return errors.New("it reads two streams; filter them in queries of their own")
	}
	if err := c.build(); err != nil {
		return err
	}
	if declared := p.schemas[q.Into]; declared != nil && !declared.SameColumns(c.at) {
		return fmt.Errorf("it gives %s, but stream %s has %s", describe(c.at), q.Into, describe(declared))
	}
	p.know(c.at)
	p.made[q.Into] = append(p.made[q.Into], q.Node)
	for _, in := range inputs(q) {
		p.read[in] = append(p.read[in], q.Node)
		if here && letters(p.config(in)) {
			p.made[DLQ(in)] = append(p.made[DLQ(in)], q.Node)
		}
	}
	if here {
		p.plan.Queries = append(p.plan.Queries, &Query{
			Query: q, Operators: c.operators, Errors: c.errors, Inputs: inputs(q), Out: c.at,
		})
	}
	return nil
}

func describe(s *event.Schema) string {
	names := map[event.Type]string{event.Symbol: "string", event.Float: "double", event.Int: "long", event.Time: "time"}
	var out []string
	for _, c := range s.Columns {
		out = append(out, c.Name+" "+names[c.Type])
	}
	return strings.Join(out, ", ")
}

func (p *planner) config(stream string) app.Stream {
	for _, s := range p.app.Streams {
		if s.Name == stream {
			return s
		}
	}
	return app.Stream{Name: stream, Backpressure: "block", Queue: app.DefaultQueue}
}

// streams says what this node has to do with each stream.
func (p *planner) streams() error {
	var errs []error
	for name, schema := range p.schemas {
		s := &Stream{Schema: schema, Config: p.config(name)}
		makers, readers := p.made[name], p.read[name]
		for _, node := range makers {
			if node == p.plan.Node {
				s.Producers++
			} else {
				s.From = node
			}
		}
		if s.Producers > 0 && s.From != "" {
			errs = append(errs, fmt.Errorf("stream %s is written on the nodes %s and %s; choose one", name, p.plan.Node, s.From))
		}
		for _, node := range readers {
			if node != p.plan.Node && s.Producers > 0 && !slices.Contains(s.To, node) {
				s.To = append(s.To, node)
			}
		}
		if s.Producers > 0 || slices.Contains(readers, p.plan.Node) {
			p.plan.Streams[name] = s
		}
	}
	return errors.Join(errs...)
}
