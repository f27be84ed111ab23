// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// node is a compiled sub-expression; exactly one of test, num and sym is set.
type node struct {
	test func(event.Row) bool
	num  func(event.Row) float64
	sym  func(event.Row) event.ID

	// For num: what the value is, when that is known at compile time.
	constant *float64
	column   *floatColumn
}

type floatColumn struct{ index int }

func (n node) what() string {
	switch {
	case n.test != nil:
		return "a condition"
	case n.num != nil:
		return "a number"
	default:
		return "text"
	}
}

type parser struct {
	tokens []token
	at     int
	schema *event.Schema
	names  *event.Symbols
	fault  *bool
}

func (p *parser) whole() (node, error) {
	n, err := p.binary(0)
	if err != nil {
		return node{}, err
	}
	if t := p.tokens[p.at]; t.kind != end {
		return node{}, fmt.Errorf("unexpected %q at %d", t.text, t.pos)
	}
	if n.test == nil {
		return node{}, fmt.Errorf("want a condition, got %s", n.what())
	}
	return n, nil
}

// levels lists the binary operators, loosest first.
var levels = [][]string{{"||"}, {"&&"}, {"==", "!=", ">=", "<=", ">", "<"}, {"+", "-"}, {"*", "/"}}

func (p *parser) binary(level int) (node, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	if err != nil {
		return node{}, err
	}
	for {
		op, ok := p.accept(levels[level]...)
		if !ok {
			return left, nil
		}
		right, err := p.binary(level + 1)
		if err != nil {
			return node{}, err
		}
		if left, err = p.combine(op, left, right); err != nil {
			return node{}, err
		}
	}
}

func (p *parser) unary() (node, error) {
	op, ok := p.accept("!", "-")
	if !ok {
		return p.primary()
	}
	n, err := p.unary()
	if err != nil {
		return node{}, err
	}
	switch {
	case op.text == "!" && n.test != nil:
		return node{test: func(r event.Row) bool { return !n.test(r) }}, nil
	case op.text == "-" && n.constant != nil:
		return constant(-*n.constant), nil
	case op.text == "-" && n.num != nil:
		return node{num: func(r event.Row) float64 { return -n.num(r) }}, nil
	}
	return node{}, fmt.Errorf("%q at %d does not apply to %s", op.text, op.pos, n.what())
}

func (p *parser) primary() (node, error) {
	t := p.next()
	switch t.kind {
	case number:
		v, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return node{}, fmt.Errorf("number %q at %d cannot be read", t.text, t.pos)
		}
		return constant(v), nil
	case text:
		id, err := p.names.Intern(t.text)
		if err != nil {
			return node{}, err
		}
		return node{sym: func(event.Row) event.ID { return id }}, nil
	case name:
		return p.column(t)
	case symbol:
		if t.text != "(" {
			break
		}
		n, err := p.binary(0)
		if err != nil {
			return node{}, err
		}
		if _, ok := p.accept(")"); !ok {
			return node{}, fmt.Errorf("parenthesis at %d is not closed", t.pos)
		}
		return n, nil
	case end:
		return node{}, fmt.Errorf("expression ends too early at %d", t.pos)
	}
	return node{}, fmt.Errorf("unexpected %q at %d", t.text, t.pos)
}

func (p *parser) column(t token) (node, error) {
	i, ok := p.schema.Index(t.text)
	if !ok {
		return node{}, fmt.Errorf("stream %s has no column %q", p.schema.Stream, t.text)
	}
	switch p.schema.Columns[i].Type {
	case event.Float:
		return node{num: func(r event.Row) float64 { return r.Float(i) }, column: &floatColumn{i}}, nil
	case event.Symbol:
		return node{sym: func(r event.Row) event.ID { return r.Symbol(i) }}, nil
	default:
		return node{num: func(r event.Row) float64 { return float64(r.Int(i)) }}, nil
	}
}

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != end {
		p.at++
	}
	return t
}

func (p *parser) accept(ops ...string) (token, bool) {
	t := p.tokens[p.at]
	if t.kind != symbol {
		return token{}, false
	}
	if slices.Contains(ops, t.text) {
		p.at++
		return t, true
	}
	return token{}, false
}
