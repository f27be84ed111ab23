// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package expr compiles filter expressions such as
//
//	price >= 5.0 && volume > 0
//
// into a tree of small functions over rows. Names are columns, text compares
// with == and != only, numbers are doubles (an Int column loses precision
// beyond 2^53). Operators, loosest first: ||, &&, comparison, + -, * /, unary
// ! and -.
package expr

import (
	"errors"
	"fmt"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// ErrDivisionByZero is the only way a compiled expression can fail on a row.
var ErrDivisionByZero = errors.New("division by zero")

// Predicate is a compiled expression. It belongs to one goroutine.
type Predicate struct {
	source string
	match  func(event.Row) bool
	fault  *bool // set by a division while a row is evaluated
}

// Compile reads source against the columns of s; text constants are interned in names.
func Compile(source string, s *event.Schema, names *event.Symbols) (*Predicate, error) {
	tokens, err := lex(source)
	if err != nil {
		return nil, fmt.Errorf("read expression %q: %w", source, err)
	}
	p := &parser{tokens: tokens, schema: s, names: names, fault: new(bool)}
	n, err := p.whole()
	if err != nil {
		return nil, fmt.Errorf("compile expression %q: %w", source, err)
	}
	return &Predicate{source: source, match: n.test, fault: p.fault}, nil
}

// String returns the expression as it was written.
func (p *Predicate) String() string { return p.source }

// Match reports whether the expression holds for r. On an error the row matches nothing.
func (p *Predicate) Match(r event.Row) (bool, error) {
	held := p.match(r)
	if *p.fault {
		*p.fault = false
		return false, ErrDivisionByZero
	}
	return held, nil
}
