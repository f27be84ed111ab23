// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/app"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/expr"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/operator"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/rollup"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
)

// join adds the columns of a table, or of a second stream.
func (c *chain) join() error {
	j := c.query.Join
	if j == nil {
		return nil
	}
	left, right, two := strings.Cut(j.On, "==")
	left, right = strings.TrimSpace(left), strings.TrimSpace(right)
	if !two {
		right = left
	}
	if j.Table != "" {
		t, ok := c.parts.Tables[j.Table]
		if !ok {
			return fmt.Errorf("there is no table %q on node %q", j.Table, c.query.Node)
		}
		op, err := operator.NewTableJoin(t, semconv.JoinTypeValue(j.Type), c.at, left, right, c.query.Into)
		if err != nil {
			return err
		}
		c.at = op.Schema()
		c.add(op, operator.ErrorTable)
		return nil
	}
	other := c.schemas[j.Stream]
	o := operator.PairOptions{
		A: operator.Input{Schema: c.at, Key: left}, B: operator.Input{Schema: other, Key: right}, Within: time.Duration(j.Within),
	}
	o.Out = c.named(side(c.at.Columns, other.Columns, "_right"))
	op, err := operator.NewStreamJoin(o)
	c.add(op, operator.ErrorLateEvent, operator.ErrorPairLimit)
	return err
}

// pattern is an event that follows another.
func (c *chain) pattern() (err error) {
	m := c.query.Pattern
	if m == nil {
		return nil
	}
	second := c.at
	if m.Stream != "" {
		second = c.schemas[m.Stream]
	}
	o := operator.PatternOptions{PairOptions: operator.PairOptions{
		A: operator.Input{Schema: c.at, Key: m.By}, B: operator.Input{Schema: second, Key: m.By}, Within: time.Duration(m.Within),
	}}
	if o.WhereA, err = expr.Compile(m.First, c.at, c.parts.Names); err != nil {
		return err
	}
	if o.WhereB, err = expr.Compile(m.Then, second, c.parts.Names); err != nil {
		return err
	}
	o.Out = c.named(side(c.at.Columns, second.Columns, "_then"))
	op, err := operator.NewPattern(o)
	c.add(op, operator.ErrorLateEvent, operator.ErrorPairLimit)
	return err
}

// aggregation feeds the incremental aggregations of what the query writes.
func (c *chain) aggregation() error {
	for _, decl := range c.app.Aggregations {
		if decl.From != c.query.Into {
			continue
		}
		cfg := rollup.Config{Name: decl.Name, In: c.at, Values: decl.Values, Group: decl.By, Lead: time.Duration(decl.Lead)}
		for i, per := range decl.Per {
			cfg.Levels = append(cfg.Levels, rollup.Level{Every: time.Duration(per), Keep: time.Duration(decl.Keep[i])})
		}
		if c.here {
			cfg.App = c.parts.App
		}
		r, err := rollup.New(cfg)
		if err != nil {
			return err
		}
		if c.here {
			c.plan.Aggregations[decl.Name] = r
		}
		c.add(operator.NewRollup(r, c.at), operator.ErrorAggregation, operator.ErrorFutureEvent)
	}
	return nil
}

// table writes what the query gives into a table.
func (c *chain) table() error {
	if c.query.IntoTable == "" {
		return nil
	}
	t, ok := c.parts.Tables[c.query.IntoTable]
	if !ok {
		return fmt.Errorf("there is no table %q on node %q", c.query.IntoTable, c.query.Node)
	}
	op, err := operator.NewWriteTable(t, c.at)
	c.add(op, operator.ErrorTable)
	return err
}

// newWindow makes the operator of a window.
func newWindow(w *app.Window, in *event.Schema, sel operator.Selection) (operator.Operator, error) {
	span, count, err := size(w.Size)
	if err != nil {
		return nil, err
	}
	if slices.Contains([]string{"length", "lengthBatch"}, w.Type) != (count > 0) && w.Type != "sliding" {
		return nil, fmt.Errorf("the size of a window of type %s cannot be %s", w.Type, w.Size)
	}
	if rowWindow(w) {
		return operator.NewRows(window.Extent{Span: span, Count: count}, w.Type, in, sel), nil
	}
	cfg := window.Config{Delay: time.Duration(w.Watermark), Accept: w.Late == "accept"}
	switch w.Type {
	case "session":
		cfg.Gap = span
	case "lengthBatch":
		cfg.Length = count
	case "timeBatch": // closed by a timer
	default:
		cfg.Size, cfg.Slide = span, time.Duration(w.Slide)
	}
	panes, err := window.New(cfg)
	if err != nil {
		return nil, err
	}
	return operator.NewWindow(panes, w.Type, span, in, sel), nil
}
