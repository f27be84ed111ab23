// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// What a byte can be, as bits.
const (
	inWord uint8 = 1 << iota // a letter or digit: what follows it does not begin a word
	first                    // begins a token with a known prefix, or an authentication scheme, if a word begins here
	digit                    // begins the number of a payment card, if a word begins here
	mark                     // one of ':', '=', '-', '>', '@'
)

// kinds says what each byte can be.
var kinds = func() (t [256]uint8) {
	for c := range t {
		if isWord(byte(c)) {
			t[c] |= inWord
		}
		if seconds[c] != 0 {
			t[c] |= first
		}
		if isDigit(byte(c)) {
			t[c] |= digit
		}
	}
	for _, c := range ":=->@" {
		t[c] = mark
	}
	return t
}()

// seconds has a bit for each byte that can follow the first one of a known prefix.
var seconds = func() (bits [256]uint32) {
	for c, list := range prefixes {
		for _, p := range list {
			bits[c] |= 1 << (p.text[1] & 31)
		}
	}
	for _, c := range "bB" { // bearer, basic
		bits[c] |= 1<<('e'&31) | 1<<('a'&31)
	}
	return bits
}()

// find returns the first secret of s that begins at from or later.
func find(s string, from int) (cut, bool) {
	before := uint8(0)
	if from > 0 {
		before = kinds[s[from-1]]
	}
	for i := from; i < len(s); i++ {
		kind := kinds[s[i]]
		if kind <= inWord {
			before = kind
			continue
		}
		beginsWord := before&inWord == 0
		before = kind
		if kind != mark && !beginsWord {
			continue
		}
		c, ok := findAt(s, i, kind)
		if ok && c.from >= from && s[c.from:c.to] != Mark {
			return c, true
		}
	}
	return cut{}, false
}

// findAt looks for a secret that the byte at i, of the given kind, gives away.
func findAt(s string, i int, kind uint8) (cut, bool) {
	if kind == mark {
		return findMark(s, i)
	}
	if kind&first != 0 && i+1 < len(s) && seconds[s[i]]&(1<<(s[i+1]&31)) != 0 {
		if c, ok := findToken(s, i); ok {
			return c, true
		}
		if s[i]|0x20 == 'b' {
			return findScheme(s, i)
		}
	}
	if kind&digit != 0 {
		return findCard(s, i)
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
