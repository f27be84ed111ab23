// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// problems collects everything that is wrong, not only the first.
type problems struct{ errs []error }

func (p *problems) check(ok bool, format string, args ...any) {
	if !ok {
		p.errs = append(p.errs, fmt.Errorf(format, args...))
	}
}

func (p *problems) oneOf(what, value string, allowed ...string) {
	p.check(slices.Contains(allowed, value), "%s is %q, want one of %s", what, value, strings.Join(allowed, ", "))
}

// Validate reports every mistake that shows without planning.
func (a *App) Validate() error {
	p := &problems{}
	p.check(a.Name != "", "name must not be empty")
	once(p, "streams", a.Streams, func(s Stream) string { return s.Name })
	once(p, "tables", a.Tables, func(t Table) string { return t.Name })
	once(p, "queries", a.Queries, func(q Query) string { return q.ID })
	once(p, "aggregations", a.Aggregations, func(g Aggregation) string { return g.Name })
	once(p, "triggers", a.Triggers, func(t Trigger) string { return t.Name })
	nodes := a.Nodes
	if len(nodes) == 0 {
		nodes = []string{""}
	}
	a.placed(func(what string, node *string) { p.oneOf("node of "+what, *node, nodes...) })
	for _, s := range a.Streams {
		p.oneOf("backpressure of stream "+s.Name, s.Backpressure, "block", "drop", "backoff")
		p.oneOf("on_error of stream "+s.Name, strings.TrimPrefix(s.OnError, "retry-then-"), "", "log", "drop", "stream", "store")
		p.check(s.Queue > 0 && s.Queue <= maxQueue, "queue of stream %s must be from 1 to %d, got %d", s.Name, maxQueue, s.Queue)
	}
	for _, s := range a.Sources {
		s.validate(p)
	}
	for _, t := range a.Tables {
		p.oneOf("type of table "+t.Name, t.Type, "memory", "store")
		p.check(t.Key != "", "table %s has no key", t.Name)
	}
	for _, t := range a.Triggers {
		p.check(t.At != "", "trigger %s needs at: start, a period, or a cron expression", t.Name)
	}
	for _, g := range a.Aggregations {
		p.check(len(g.Per) > 0 && len(g.Keep) == len(g.Per), "aggregation %s needs per, and one keep for each", g.Name)
		p.check(g.Lead >= 0, "lead of aggregation %s must not be negative", g.Name)
	}
	for _, q := range a.Queries {
		q.validate(p)
	}
	for _, s := range a.Sinks {
		p.oneOf("type of a sink of stream "+s.Stream, s.Type, "file", "http", "log")
		p.check(s.Type != "file" || s.Path != "", "the file sink of stream %s needs a path", s.Stream)
		p.check(s.Type != "http" || s.URL != "", "the http sink of stream %s needs a url", s.Stream)
	}
	return errors.Join(p.errs...)
}

const (
	maxQueue = 1 << 16
	// MaxBatch keeps one batch well below gRPC's limit for a message.
	MaxBatch = 8192
)

func (s *Source) validate(p *problems) {
	p.oneOf("type of the source of stream "+s.Stream, s.Type, "generator", "csv", "http", "tcp")
	p.check(s.Batch > 0 && s.Batch <= MaxBatch, "batch of source %s must be from 1 to %d, got %d", s.Stream, MaxBatch, s.Batch)
	p.check(s.Rate >= 0, "rate of source %s must not be negative, got %v", s.Stream, s.Rate)
	p.check(s.Events >= 0, "events of source %s must not be negative, got %d", s.Stream, s.Events)
	p.check(s.Duration >= 0, "duration of source %s must not be negative", s.Stream)
	p.check(s.Type != "csv" || s.Path != "", "the csv source of stream %s needs a path", s.Stream)
	p.check(s.Listen != "" || (s.Type != "http" && s.Type != "tcp"), "the %s source of stream %s needs listen", s.Type, s.Stream)
}

func (q *Query) validate(p *problems) {
	p.check(q.ID != "", "a query that reads %q has no id", q.From)
	p.check(q.From != "", "query %s has no from", q.ID)
	p.check(q.Into != "", "query %s has no into", q.ID)
	p.check(q.Join == nil || q.Pattern == nil, "query %s has a join and a pattern; make them two queries", q.ID)
	p.check(q.PartitionBy == "" || q.Window != nil, "query %s has partition_by but no window", q.ID)
	if j := q.Join; j != nil {
		p.check((j.Table != "") != (j.Stream != ""), "the join of query %s needs either table or stream", q.ID)
		p.check(j.Stream == "" || j.Within > 0, "the join of query %s with stream %s needs within", q.ID, j.Stream)
		p.check(j.On != "", "the join of query %s needs on", q.ID)
		p.oneOf("type of the join of query "+q.ID, j.Type, "inner", "left_outer")
		p.check(j.Stream == "" || j.Type == "inner", "the join of query %s with stream %s can be inner only", q.ID, j.Stream)
	}
	if m := q.Pattern; m != nil {
		p.check(m.First != "" && m.Then != "" && m.Within > 0, "the pattern of query %s needs first, then and within", q.ID)
	}
	if w := q.Window; w != nil {
		p.oneOf("window of query "+q.ID, w.Type, "length", "time", "sliding", "tumbling", "session", "lengthBatch", "timeBatch")
		p.oneOf("late of query "+q.ID, w.Late, "drop", "accept")
		p.check(w.Size != "", "the window of query %s needs a size", q.ID)
	}
}

// once reports names that are used twice.
func once[T any](p *problems, kind string, list []T, name func(T) string) {
	seen := map[string]bool{}
	for _, one := range list {
		p.check(!seen[name(one)], "there are two %s %q", kind, name(one))
		seen[name(one)] = true
	}
}
