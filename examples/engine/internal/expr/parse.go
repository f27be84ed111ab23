// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// node is a compiled sub-expression: a condition has test, text has sym, a number has num; a whole one has whole, too.
type node struct {
	test     func(event.Row) bool
	num      func(event.Row) float64
	whole    func(event.Row) int64
	sym      func(event.Row) event.ID
	typ      event.Type // 0 for a condition
	constant bool       // a number that needs no row
	word     int        // of a row, if the value is just that; else 0
}

func (n node) what() string {
	return [...]string{"a condition", event.Float: "a number", event.Int: "a number", event.Symbol: "text", event.Time: "a number"}[n.typ]
}

func double(f func(event.Row) float64) node { return node{typ: event.Float, num: f} }

func whole(t event.Type, f func(event.Row) int64) node {
	return node{typ: t, whole: f, num: func(r event.Row) float64 { return float64(f(r)) }}
}

// cell is the value of column i.
func cell(i int, t event.Type) (n node) {
	switch t {
	case event.Float:
		n = double(func(r event.Row) float64 { return r.Float(i) })
	case event.Symbol:
		n = node{typ: t, sym: func(r event.Row) event.ID { return r.Symbol(i) }}
	default:
		n = whole(t, func(r event.Row) int64 { return r.Int(i) })
		n.num = func(r event.Row) float64 { return float64(r.Int(i)) } // one call in place of two
	}
	n.word = i + 1
	return n
}

// literal is the value of a number, which may have a sign.
func literal(t token) (n node, err error) {
	v, err := strconv.ParseFloat(t.text, 64)
	if err != nil {
		return n, fmt.Errorf("number %q at %d cannot be read", t.text, t.pos)
	}
	n = node{typ: event.Float, num: func(event.Row) float64 { return v }, constant: true}
	if v, err := strconv.ParseInt(t.text, 10, 64); err == nil {
		n.typ, n.whole = event.Int, func(event.Row) int64 { return v }
	}
	return n, nil
}

type parser struct {
	source string
	tokens []token
	at     int
	schema *event.Schema
	names  Names
	opts   Options
	fail   func(error) // makes the row that is evaluated fail
}

func (p *parser) compile(condition bool) (n node, err error) {
	if p.tokens, err = lex(p.source); err != nil {
		return n, fmt.Errorf("read expression %q: %w", p.source, err)
	}
	n, err = p.binary(0)
	switch t := p.tokens[p.at]; {
	case err != nil:
	case t.kind != end:
		err = fmt.Errorf("unexpected %q at %d", t.text, t.pos)
	case condition && n.test == nil:
		err = fmt.Errorf("want a condition, got %s", n.what())
	case !condition && n.test != nil:
		err = fmt.Errorf("want a number or text, got %s; write if(condition, 1, 0)", n.what())
	default:
		return n, nil
	}
	return n, fmt.Errorf("compile expression %q: %w", p.source, err)
}

// levels lists the binary operators, loosest first.
var levels = [][]string{{"||"}, {"&&"}, {"==", "!=", ">=", "<=", ">", "<"}, {"+", "-"}, {"*", "/"}}

func (p *parser) binary(level int) (node, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		op, ok := p.accept(levels[level]...)
		if !ok {
			return left, nil
		}
		var right node
		if right, err = p.binary(level + 1); err == nil {
			left, err = p.combine(op, left, right)
		}
	}
	return left, err
}

func (p *parser) unary() (node, error) {
	op, ok := p.accept("!", "-")
	if !ok {
		return p.primary()
	}
	if t := &p.tokens[p.at]; op.text == "-" && t.kind == number {
		t.text = "-" + t.text
		return p.primary()
	}
	n, err := p.unary()
	switch {
	case err != nil:
		return n, err
	case op.text == "!" && n.test != nil:
		return node{test: func(r event.Row) bool { return !n.test(r) }}, nil
	case op.text == "-" && n.whole != nil:
		return whole(event.Int, func(r event.Row) int64 { return -n.whole(r) }), nil
	case op.text == "-" && n.num != nil:
		return double(func(r event.Row) float64 { return -n.num(r) }), nil
	}
	return n, fmt.Errorf("%q at %d does not apply to %s", op.text, op.pos, n.what())
}

func (p *parser) primary() (n node, err error) {
	t := p.next()
	switch {
	case t.kind == number:
		return literal(t)
	case t.kind == text:
		id, err := p.names.Intern(t.text)
		return node{typ: event.Symbol, sym: func(event.Row) event.ID { return id }}, err
	case t.kind == name && p.tokens[p.at].is("("):
		return p.call(t)
	case t.kind == name:
		i, ok := p.schema.Index(t.text)
		if !ok {
			return n, fmt.Errorf("stream %s has no column %q", p.schema.Stream, t.text)
		}
		return cell(i, p.schema.Columns[i].Type), nil
	case t.is("("):
		n, err = p.binary(0)
		if _, ok := p.accept(")"); err == nil && !ok {
			err = fmt.Errorf("parenthesis at %d is not closed", t.pos)
		}
		return n, err
	case t.kind == end:
		return n, fmt.Errorf("expression ends too early at %d", t.pos)
	}
	return n, fmt.Errorf("unexpected %q at %d", t.text, t.pos)
}

func (p *parser) next() token {
	at := p.at
	p.at = min(at+1, len(p.tokens)-1)
	return p.tokens[at]
}

func (p *parser) accept(ops ...string) (token, bool) {
	t := p.tokens[p.at]
	if t.kind != symbol || !slices.Contains(ops, t.text) {
		return token{}, false
	}
	p.at++
	return t, true
}
