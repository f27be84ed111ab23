// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/aggregate"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/app"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/expr"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/operator"
)

// chain is the operators of a query while it is planned.
type chain struct {
	*planner

	query     app.Query
	here      bool          // else the schema is all that is wanted
	at        *event.Schema // what the operators so far give
	operators []operator.Operator
	errors    []string
}

func (c *chain) build() error {
	for _, step := range []func() error{
		c.filter(c.query.Filter, c.query.Pattern == nil), c.join, c.pattern, c.filter(c.query.Where, true),
		c.selection, c.filter(c.query.Having, true), c.aggregation, c.table,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if len(c.operators) == 0 || c.at.Stream != c.query.Into {
		c.add(operator.NewProject(nil, c.named(c.at.Columns)))
	}
	return nil
}

// add appends an operator, and the values of error.type that it reports.
func (c *chain) add(op operator.Operator, errorTypes ...string) {
	c.operators = append(c.operators, op)
	c.errors = append(c.errors, errorTypes...)
}

// named is a schema of the output stream.
func (c *chain) named(columns []event.Column) *event.Schema {
	c.at = &event.Schema{Stream: c.query.Into, Columns: columns}
	return c.at
}

func (c *chain) filter(source string, wanted bool) func() error {
	return func() error {
		if source == "" || !wanted {
			return nil
		}
		predicate, err := expr.Compile(source, c.at, c.parts.Names)
		if err != nil {
			return err
		}
		c.add(operator.NewFilter(predicate, c.named(c.at.Columns)), operator.ErrorExpression)
		return nil
	}
}

func index(s *event.Schema, name string) (int, error) {
	i, ok := s.Index(name)
	if !ok {
		return 0, fmt.Errorf("there is no column %q; it has %s", name, describe(s))
	}
	return i, nil
}

// side appends the columns of the other side; a name that is taken gets a suffix.
func side(left, right []event.Column, suffix string) []event.Column {
	out := slices.Clone(left)
	for _, column := range right {
		if slices.ContainsFunc(out, func(o event.Column) bool { return o.Name == column.Name }) {
			column.Name += suffix
		}
		out = append(out, column)
	}
	return out
}

// selection is the window with its aggregates, and the select on top of it.
func (c *chain) selection() error {
	s := selection{chain: c, in: c.at}
	if err := s.prepare(); err != nil {
		return err
	}
	values, out, err := s.items()
	if err != nil {
		return err
	}
	if c.query.Window != nil {
		if err := s.window(); err != nil {
			return err
		}
	}
	if len(c.query.Select) > 0 {
		c.add(operator.NewProject(values, c.named(out)), operator.ErrorExpression)
	}
	return nil
}

// selection gathers the aggregates that a select asks for.
type selection struct {
	*chain

	in    *event.Schema
	base  *event.Schema // what the window gives: groups or events, then aggregates
	specs []aggregate.Spec
	names []string
	by    []int
}

func (s *selection) prepare() error {
	for _, name := range s.query.GroupBy {
		i, err := index(s.in, name)
		if err != nil {
			return err
		}
		s.by = append(s.by, i)
	}
	w := s.query.Window
	if w == nil {
		if len(s.by) > 0 {
			return errors.New("group_by needs a window")
		}
		s.base = s.in
		return nil
	}
	var err error
	s.base, err = operator.OutSchema(s.query.Into, s.in, s.by, !rowWindow(w))
	return err
}

func rowWindow(w *app.Window) bool {
	return w.Type == "length" || w.Type == "time" || (w.Type == "sliding" && w.Slide == 0)
}

// items compiles the select list. Aggregates become columns of the base.
func (s *selection) items() (values []*expr.Value, out []event.Column, err error) {
	for _, item := range s.query.Select {
		source, alias, err := expr.ParseItem(item)
		if err != nil {
			return nil, nil, err
		}
		v, err := expr.CompileValue(source, s.base, s.parts.Names, expr.Options{Call: s.call})
		if err != nil {
			return nil, nil, err
		}
		values = append(values, v)
		out = append(out, event.Column{Name: alias, Type: v.Type()})
	}
	return values, out, nil
}

// call answers for a function that is no scalar one.
func (s *selection) call(fn string, args []string) (int, event.Type, bool, error) {
	f, ok := aggregate.ParseFunc(fn)
	if !ok {
		return 0, 0, false, nil
	}
	if s.query.Window == nil {
		return 0, 0, true, fmt.Errorf("%s() needs a window", fn)
	}
	spec, name := aggregate.Spec{Func: f}, fn+"("+strings.Join(args, ", ")+")"
	if len(args) == 1 {
		i, err := index(s.in, args[0])
		if err != nil {
			return 0, 0, true, err
		}
		spec.Column, spec.Type = i, s.in.Columns[i].Type
	}
	if f != aggregate.Count && len(args) != 1 {
		return 0, 0, true, fmt.Errorf("%s takes one column, got %d", fn, len(args))
	}
	t, err := f.Type(spec.Type)
	if err != nil {
		return 0, 0, true, err
	}
	if i, ok := s.base.Index(name); ok {
		return i, t, true, nil
	}
	s.specs, s.names = append(s.specs, spec), append(s.names, name)
	s.base.Columns = append(s.base.Columns, event.Column{Name: name, Type: t})
	return len(s.base.Columns) - 1, t, true, nil
}

// maxPartitions bounds what one query holds, at a few hundred bytes each.
const maxPartitions = 1 << 16

// window adds the operator of the window, in partitions if the query says so.
func (s *selection) window() error {
	sel := operator.Selection{GroupBy: s.by, Aggregates: s.specs, Out: s.base}
	w, in := s.query.Window, s.in
	one := func() (operator.Operator, error) { return newWindow(w, in, sel) }
	first, err := one()
	if err != nil {
		return err
	}
	s.at = s.base
	if s.query.PartitionBy == "" {
		s.add(first, operator.ErrorLateEvent, operator.ErrorGroupLimit)
		return nil
	}
	if _, err := index(in, s.query.PartitionBy); err != nil {
		return err
	}
	p, err := operator.NewPartition(operator.PartitionOptions{Key: s.query.PartitionBy, Max: maxPartitions, Make: func() ([]operator.Operator, error) {
		op, err := one()
		return []operator.Operator{op}, err
	}})
	if err != nil {
		return err
	}
	s.add(p, operator.ErrorLateEvent, operator.ErrorGroupLimit, operator.ErrorPartitionLimit)
	return nil
}

// size reads "10s" as a span and "20" as a count.
func size(text string) (span time.Duration, count int, err error) {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return 0, n, nil
	}
	if span, err = time.ParseDuration(text); err != nil || span <= 0 {
		return 0, 0, fmt.Errorf("window size %q: want a positive duration such as 10s, or a number of events", text)
	}
	return span, 0, nil
}
