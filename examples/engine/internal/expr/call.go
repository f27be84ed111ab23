// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"math"
	"strings"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// scalars are the functions of one double.
var scalars = map[string]func(float64) float64{
	"abs": math.Abs, "round": math.Round, "floor": math.Floor, "ceil": math.Ceil, "sqrt": math.Sqrt,
}

// call reads a call of the function fn, from its opening parenthesis on.
func (p *parser) call(fn token) (result node, err error) {
	start := p.at + 1
	sources, err := p.arguments()
	if err != nil {
		return result, err
	}
	of, n := scalars[fn.text], len(sources)
	if known := of != nil && n == 1 || fn.text == "if" && n == 3 || (fn.text == "min" || fn.text == "max") && n > 1; !known {
		return p.ask(fn, sources)
	}
	p.at = start
	args := make([]node, n)
	for i := range args {
		if args[i], err = p.binary(0); err != nil {
			return result, err
		}
		if t := p.next(); !t.is(",") && !t.is(")") {
			return result, fmt.Errorf("unexpected %q at %d", t.text, t.pos)
		}
	}
	return p.apply(fn, of, args)
}

// arguments moves behind the parenthesis that closes a call, and returns the sources in between.
func (p *parser) arguments() (sources []string, err error) {
	open := p.next().pos
	from := open + 1
	for depth := 1; depth > 0; {
		t := p.next()
		switch {
		case t.kind == end:
			return nil, fmt.Errorf("parenthesis at %d is not closed", open)
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		}
		arg := strings.TrimSpace(p.source[from:t.pos])
		if depth == 0 && (arg != "" || sources != nil) || depth == 1 && t.is(",") {
			sources, from = append(sources, arg), t.pos+1
		}
	}
	return sources, nil
}

// ask has Options.Call handle a function.
func (p *parser) ask(fn token, args []string) (n node, err error) {
	if p.opts.Call != nil {
		column, t, ok, err := p.opts.Call(fn.text, args)
		if err != nil {
			return n, fmt.Errorf("%s at %d: %w", fn.text, fn.pos, err)
		}
		if ok {
			return cell(column, t), nil
		}
	}
	return n, fmt.Errorf("there is no function %q of %d values at %d", fn.text, len(args), fn.pos)
}

func (p *parser) apply(fn token, of func(float64) float64, args []node) (node, error) {
	n, err := args[0], error(nil)
	switch {
	case fn.text == "if":
		return choose(fn, n, args[1], args[2])
	case n.num == nil:
		return n, fmt.Errorf("%q at %d does not apply to %s", fn.text, fn.pos, n.what())
	case of == nil: // min or max
		for i := 1; i < len(args) && err == nil; i++ {
			n, err = p.combine(fn, n, args[i])
		}
		return n, err
	case n.whole != nil && fn.text == "abs":
		return whole(event.Int, func(r event.Row) int64 { v := n.whole(r); return max(v, -v) }), nil
	case n.whole != nil && fn.text != "sqrt":
		return n, nil // there is nothing to round
	}
	return double(func(r event.Row) float64 {
		v := of(n.num(r))
		if math.IsNaN(v) {
			p.fail(ErrNotANumber)
		}
		return v
	}), nil
}

func choose(fn token, c, a, b node) (n node, err error) {
	switch {
	case c.test == nil:
	case a.whole != nil && b.whole != nil:
		return whole(wholeType("max", a.typ, b.typ), either(c.test, a.whole, b.whole)), nil
	case a.num != nil && b.num != nil:
		return double(either(c.test, a.num, b.num)), nil
	case a.sym != nil && b.sym != nil:
		return node{typ: event.Symbol, sym: either(c.test, a.sym, b.sym)}, nil
	}
	return n, fmt.Errorf("%q at %d does not apply to %s, %s and %s", fn.text, fn.pos, c.what(), a.what(), b.what())
}

func either[T any](c func(event.Row) bool, a, b func(event.Row) T) func(event.Row) T {
	return func(r event.Row) T {
		if c(r) {
			return a(r)
		}
		return b(r)
	}
}
