// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"slices"
	"strings"
)

type kind uint8

const (
	end kind = iota
	number
	name
	text
	symbol // an operator, a parenthesis or a comma
)

type token struct {
	kind kind
	text string
	pos  int // byte offset in the source, for messages
}

// is reports whether t is the operator, parenthesis or comma op.
func (t token) is(op string) bool { return t.kind == symbol && t.text == op }

const (
	spaces  = " \t\r\n"
	digits  = "0123456789"
	letters = "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// operators, longest first so that ">=" is not read as ">".
var operators = []string{"&&", "||", "==", "!=", ">=", "<=", ">", "<", "!", "+", "-", "*", "/", "(", ")", ","}

func lex(src string) (out []token, err error) {
	if len(src) > MaxSource {
		return nil, fmt.Errorf("%d bytes are too many, at most %d are read", len(src), MaxSource)
	}
	for i, n := 0, 0; i < len(src); i += n {
		rest := src[i:]
		switch c := src[i]; {
		case strings.IndexByte(spaces, c) >= 0:
			n = 1
		case strings.IndexByte(digits, c) >= 0:
			n = span(rest, digits+".")
			out = append(out, token{number, rest[:n], i})
		case strings.IndexByte(letters, c) >= 0:
			n = span(rest, letters+digits)
			out = append(out, token{name, rest[:n], i})
		case c == '\'' || c == '"':
			if n = strings.IndexByte(rest[1:], c) + 2; n < 2 {
				return nil, fmt.Errorf("text that starts at %d has no closing %c", i, c)
			}
			out = append(out, token{text, rest[1 : n-1], i})
		default:
			op := slices.IndexFunc(operators, func(op string) bool { return strings.HasPrefix(rest, op) })
			if op < 0 {
				return nil, fmt.Errorf("unexpected %q at %d", c, i)
			}
			n = len(operators[op])
			out = append(out, token{symbol, operators[op], i})
		}
	}
	return append(out, token{kind: end, pos: len(src)}), nil
}

// span is how many bytes s begins with that are in set.
func span(s, set string) int { return len(s) - len(strings.TrimLeft(s, set)) }
