// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package expr compiles expressions over the columns of a row into trees of small functions. A condition such as
//
//	price >= 5.0 && volume > 0
//
// becomes a Predicate, anything else, such as if(symbol == 'ORCL', round(price * volume), 0), a Value.
//
// Operators, loosest first: ||, &&, comparison, + -, * /, unary ! and -. Text compares with == and != only.
// Functions: abs, round, floor, ceil, sqrt, min and max of two or more, if(condition, a, b).
//
// Whole numbers, which are Ints and Times in nanoseconds, make whole numbers, and wrap around if they overflow; but
// division and sqrt always make doubles, as does everything with a double in it. A Time plus or minus an Int is a Time.
package expr

import (
	"errors"
	"fmt"
	"strings"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// The ways in which a compiled expression can fail on a row.
var (
	ErrDivisionByZero = errors.New("division by zero")
	ErrNotANumber     = errors.New("result of a function is not a number")
)

// MaxSource is the longest expression, in bytes. It bounds how deep expressions nest.
const MaxSource = 4096

// Names gives texts their ids. event.Symbols is one that keeps every text it is asked for.
type Names interface {
	Intern(text string) (event.ID, error)
}

// Options change what an expression may hold. The zero value is fine.
type Options struct {
	// Call, if there is one, is asked for a function unknown here, with the sources of its arguments. It says which
	// column of the schema holds the result, and may add that column; ok is false if it does not know it either.
	Call func(fn string, args []string) (column int, t event.Type, ok bool, err error)
}

// Predicate is a compiled condition. It belongs to one goroutine.
type Predicate struct {
	match  func(event.Row) bool
	failed bool // set with err while a row is evaluated; two words, so that Match is inlined
	err    error
}

// Compile reads the condition source against the columns of s; text constants are interned in names.
func Compile(source string, s *event.Schema, names Names) (*Predicate, error) {
	p := &Predicate{}
	fail := func(err error) { p.failed, p.err = true, err }
	n, err := (&parser{source: source, schema: s, names: names, fail: fail}).compile(true)
	p.match = n.test
	return p, err
}

// Match reports whether the expression holds for r. On an error the row matches nothing.
func (p *Predicate) Match(r event.Row) (bool, error) {
	held := p.match(r)
	if p.failed {
		p.failed = false
		return false, p.err
	}
	return held, nil
}

// Value is a compiled expression that gives a number or text. It belongs to one goroutine.
type Value struct {
	node node
	err  error // set while a row is evaluated
}

// CompileValue reads source against the columns of s; text constants are interned in names.
func CompileValue(source string, s *event.Schema, names Names, opts Options) (v *Value, err error) {
	v = &Value{}
	fail := func(err error) { v.err = err }
	v.node, err = (&parser{source: source, schema: s, names: names, opts: opts, fail: fail}).compile(false)
	return v, err
}

// Type is the type of the column that can hold the value.
func (v *Value) Type() event.Type { return v.node.typ }

// Set puts the value for in into a column of out, which has its Type. After an error that column means nothing. It
// allocates nothing.
func (v *Value) Set(in, out event.Row, column int) error {
	switch {
	case v.node.word > 0:
		out[column+1] = in[v.node.word]
	case v.node.whole != nil:
		out.SetInt(column, v.node.whole(in))
	case v.node.num != nil:
		out.SetFloat(column, v.node.num(in))
	default:
		out.SetSymbol(column, v.node.sym(in))
	}
	err := v.err
	v.err = nil
	return err
}

// ParseItem splits one entry of a list of results, such as "avg(price) as avg_price", into its expression and the name
// of its column. Without a name a column keeps its own, and a call of one column is named after both: avg_price.
func ParseItem(item string) (source, alias string, err error) {
	t, err := lex(item)
	if err != nil {
		return "", "", fmt.Errorf("read %q: %w", item, err)
	}
	n, source := len(t)-1, strings.TrimSpace(item) // n is without the end
	call := n >= 3 && t[0].kind == name && t[1].is("(") && t[n-1].is(")")
	switch {
	case n >= 3 && t[n-1].kind == name && t[n-2].kind == name && strings.EqualFold(t[n-2].text, "as"):
		return strings.TrimSpace(item[:t[n-2].pos]), t[n-1].text, nil
	case n == 1 && t[0].kind == name, call && n == 3, call && n == 4 && t[2].is("*"):
		return source, t[0].text, nil
	case call && n == 4 && t[2].kind == name:
		return source, t[0].text + "_" + t[2].text, nil
	}
	return "", "", fmt.Errorf("the column of %q has no name; write %q", item, source+" as name")
}
