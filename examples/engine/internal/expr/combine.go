// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// combine applies a binary operator, or min or max as if it were one.
func (p *parser) combine(op token, l, r node) (n node, err error) {
	switch {
	case l.test != nil && r.test != nil:
		n.test = logic(op.text, l.test, r.test)
	case l.whole != nil && r.whole != nil && op.text != "/":
		if f := arithmetic(op.text, l.whole, r.whole, p.fail); f != nil {
			return whole(wholeType(op.text, l.typ, r.typ), f), nil
		}
		n.test = ordered(op.text, l.whole, r.whole)
	case l.num != nil && r.num != nil:
		if f := arithmetic(op.text, l.num, r.num, p.fail); f != nil {
			return double(f), nil
		}
		if l.word > 0 && l.typ == event.Float && r.constant {
			n.test = compareColumn(op.text, l.word-1, r.num(nil))
		}
		if n.test == nil {
			n.test = ordered(op.text, l.num, r.num)
		}
	case l.sym != nil && r.sym != nil:
		n.test = same(op.text, l.sym, r.sym)
	}
	if n.test == nil {
		return n, fmt.Errorf("%q at %d does not apply to %s and %s", op.text, op.pos, l.what(), r.what())
	}
	return n, nil
}

// wholeType is what an operation makes of two whole numbers.
func wholeType(op string, l, r event.Type) event.Type {
	if l == r && (op == "min" || op == "max") || l == event.Time && r == event.Int && (op == "+" || op == "-") {
		return l
	}
	return event.Int
}

func logic(op string, l, r func(event.Row) bool) func(event.Row) bool {
	switch op {
	case "&&":
		return func(row event.Row) bool { return l(row) && r(row) }
	case "||":
		return func(row event.Row) bool { return l(row) || r(row) }
	}
	return nil
}

func arithmetic[T int64 | float64](op string, l, r func(event.Row) T, fail func(error)) func(event.Row) T {
	switch op {
	case "+":
		return func(row event.Row) T { return l(row) + r(row) }
	case "-":
		return func(row event.Row) T { return l(row) - r(row) }
	case "*":
		return func(row event.Row) T { return l(row) * r(row) }
	case "/":
		return func(row event.Row) T {
			by := r(row)
			if by == 0 {
				fail(ErrDivisionByZero)
				return 0
			}
			return l(row) / by
		}
	case "min":
		return func(row event.Row) T { return min(l(row), r(row)) }
	case "max":
		return func(row event.Row) T { return max(l(row), r(row)) }
	}
	return nil
}

// compareColumn covers the commonest shape, a column against a constant, with one call in place of three.
func compareColumn(op string, i int, v float64) func(event.Row) bool {
	switch op {
	case ">=":
		return func(row event.Row) bool { return row.Float(i) >= v }
	case "<=":
		return func(row event.Row) bool { return row.Float(i) <= v }
	case ">":
		return func(row event.Row) bool { return row.Float(i) > v }
	case "<":
		return func(row event.Row) bool { return row.Float(i) < v }
	}
	return nil
}

func ordered[T int64 | float64](op string, l, r func(event.Row) T) func(event.Row) bool {
	switch op {
	case ">", ">=":
		return ordered("<"+op[1:], r, l)
	case "<=":
		return func(row event.Row) bool { return l(row) <= r(row) }
	case "<":
		return func(row event.Row) bool { return l(row) < r(row) }
	}
	return same(op, l, r)
}

func same[T comparable](op string, l, r func(event.Row) T) func(event.Row) bool {
	switch op {
	case "==":
		return func(row event.Row) bool { return l(row) == r(row) }
	case "!=":
		return func(row event.Row) bool { return l(row) != r(row) }
	}
	return nil
}
