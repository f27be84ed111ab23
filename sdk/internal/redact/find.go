// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// What a byte can begin, or be the middle of.
const (
	plain  = iota
	letter // begins a word: a token with a known prefix, or an authentication scheme
	digit  // begins a number: a payment card
	mark   // ':', '=', '-', '>' or '@'
)

// kinds says for each byte what to look for there. Letters that no known prefix begins with are plain.
var kinds = func() (t [256]uint8) {
	for c := range t {
		switch {
		case len(prefixes[c]) > 0:
			t[c] = letter
		case c >= '0' && c <= '9':
			t[c] = digit
		}
	}
	for _, c := range "bB" {
		t[c] = letter // bearer, basic
	}
	for _, c := range ":=->@" {
		t[c] = mark
	}
	return t
}()

// find returns the first secret of s that begins at from or later.
func find(s string, from int) (cut, bool) {
	for i := from; i < len(s); i++ {
		kind := kinds[s[i]]
		if kind == plain {
			continue
		}
		var c cut
		var ok bool
		switch {
		case kind == mark:
			c, ok = findMark(s, i)
		case i > 0 && isWord(s[i-1]):
			continue // inside a word
		case kind == letter:
			if c, ok = findToken(s, i); !ok {
				c, ok = findScheme(s, i)
			}
		default:
			if c, ok = findCard(s, i); !ok {
				i = skipDigits(s, i) - 1
			}
		}
		if ok && c.from >= from && s[c.from:c.to] != Mark {
			return c, true
		}
	}
	return cut{}, false
}

func findMark(s string, i int) (cut, bool) {
	switch s[i] {
	case '@':
		return findBareUserInfo(s, i)
	case '-':
		if c, ok := findPEM(s, i); ok {
			return c, true
		}
		return findFlag(s, i)
	case '>':
		return findElement(s, i)
	case ':':
		if len(s)-i > 3 && s[i+1] == '/' && s[i+2] == '/' {
			return findUserInfo(s, i+3)
		}
	}
	return findAssigned(s, i)
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// isWord says whether c can be inside a word, so that what follows it does not begin one.
func isWord(c byte) bool { return isDigit(c) || c|0x20-'a' <= 'z'-'a' }

// isName says whether c can be inside the name of a setting.
func isName(c byte) bool { return isWord(c) || c == '_' || c == '-' || c == '.' }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func skipDigits(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// skip returns the end of the run of bytes that are in, beginning at i.
func skip(s string, i int, in func(byte) bool) int {
	for i < len(s) && in(s[i]) {
		i++
	}
	return i
}
