// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

func constant(v float64) node {
	return node{num: func(event.Row) float64 { return v }, constant: &v}
}

func (p *parser) combine(op token, l, r node) (node, error) {
	switch {
	case l.test != nil && r.test != nil:
		if test := logic(op.text, l.test, r.test); test != nil {
			return node{test: test}, nil
		}
	case l.num != nil && r.num != nil:
		if num := p.arithmetic(op.text, l.num, r.num); num != nil {
			return node{num: num}, nil
		}
		if test := compare(op.text, l, r); test != nil {
			return node{test: test}, nil
		}
	case l.sym != nil && r.sym != nil:
		if test := compareText(op.text, l.sym, r.sym); test != nil {
			return node{test: test}, nil
		}
	}
	return node{}, fmt.Errorf("%q at %d does not apply to %s and %s", op.text, op.pos, l.what(), r.what())
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

func (p *parser) arithmetic(op string, l, r func(event.Row) float64) func(event.Row) float64 {
	switch op {
	case "+":
		return func(row event.Row) float64 { return l(row) + r(row) }
	case "-":
		return func(row event.Row) float64 { return l(row) - r(row) }
	case "*":
		return func(row event.Row) float64 { return l(row) * r(row) }
	case "/":
		fault := p.fault
		return func(row event.Row) float64 {
			by := r(row)
			if by == 0 {
				*fault = true
				return 0
			}
			return l(row) / by
		}
	}
	return nil
}

func compare(op string, l, r node) func(event.Row) bool {
	if l.column != nil && r.constant != nil {
		if test := compareColumn(op, l.column.index, *r.constant); test != nil {
			return test
		}
	}
	a, b := l.num, r.num
	switch op {
	case "==":
		return func(row event.Row) bool { return a(row) == b(row) }
	case "!=":
		return func(row event.Row) bool { return a(row) != b(row) }
	case ">=":
		return func(row event.Row) bool { return a(row) >= b(row) }
	case "<=":
		return func(row event.Row) bool { return a(row) <= b(row) }
	case ">":
		return func(row event.Row) bool { return a(row) > b(row) }
	case "<":
		return func(row event.Row) bool { return a(row) < b(row) }
	}
	return nil
}

// compareColumn covers the commonest shape, a column against a constant, with
// one call in place of three.
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

func compareText(op string, l, r func(event.Row) event.ID) func(event.Row) bool {
	switch op {
	case "==":
		return func(row event.Row) bool { return l(row) == r(row) }
	case "!=":
		return func(row event.Row) bool { return l(row) != r(row) }
	}
	return nil
}
