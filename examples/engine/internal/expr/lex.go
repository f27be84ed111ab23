// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"strings"
)

type kind uint8

const (
	end kind = iota
	number
	name
	text
	symbol // an operator or a parenthesis
)

type token struct {
	kind kind
	text string
	pos  int // byte offset in the source, for messages
}

// operators, longest first so that ">=" is not read as ">".
var operators = []string{"&&", "||", "==", "!=", ">=", "<=", ">", "<", "!", "+", "-", "*", "/", "(", ")"}

func lex(src string) ([]token, error) {
	var out []token
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case isDigit(c):
			n := span(src[i:], func(c byte) bool { return isDigit(c) || c == '.' })
			out = append(out, token{number, src[i : i+n], i})
			i += n
		case isLetter(c):
			n := span(src[i:], func(c byte) bool { return isLetter(c) || isDigit(c) })
			out = append(out, token{name, src[i : i+n], i})
			i += n
		case c == '\'' || c == '"':
			n := strings.IndexByte(src[i+1:], c)
			if n < 0 {
				return nil, fmt.Errorf("text that starts at %d has no closing %c", i, c)
			}
			out = append(out, token{text, src[i+1 : i+1+n], i})
			i += n + 2
		default:
			op := operatorAt(src[i:])
			if op == "" {
				return nil, fmt.Errorf("unexpected %q at %d", c, i)
			}
			out = append(out, token{symbol, op, i})
			i += len(op)
		}
	}
	return append(out, token{kind: end, pos: len(src)}), nil
}

func operatorAt(s string) string {
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }
