// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// valueAt returns the value of key that begins at i: a quoted string without its quotes, a bracketed list, or a
// word. It is false for an empty value and for those that say there is none.
func valueAt(s string, i int, key string) (cut, bool) {
	if i >= len(s) {
		return cut{}, false
	}
	var c cut
	switch s[i] {
	case '"', '\'', '`':
		c = cut{i + 1, closing(s, i+1, s[i:i+1])}
	case '\\':
		if i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\'') {
			c = cut{i + 2, closing(s, i+2, s[i:i+2])}
			break
		}
		c = cut{i, wordEnd(s, i)}
	case '[', '{', '(':
		c = cut{i, bracketEnd(s, i)}
	default:
		c = cut{i, headerEnd(s, i, key)}
	}
	return c, c.to > c.from && !isOneOf(s[c.from:c.to], "null", "nil", "true", "false", "<nil>", "[]", "{}", "map[]")
}

// closing returns where the quote that opened before i closes: at the same quote, unless that is escaped. An
// unclosed one lasts to the end.
func closing(s string, i int, quote string) int {
	for j := i; j < len(s); j++ {
		if strings.HasPrefix(s[j:], quote) {
			return j
		}
		if s[j] == '\\' && quote != "`" {
			j++
		}
	}
	return len(s)
}

// bracketEnd returns the end of the bracketed text that begins at i, brackets included.
func bracketEnd(s string, i int) int {
	depth := 0
	for j := i; j < len(s); j++ {
		switch s[j] {
		case '[', '{', '(':
			depth++
		case ']', '}', ')':
			if depth--; depth == 0 {
				return j + 1
			}
		case '"':
			j = closing(s, j+1, "\"")
		}
	}
	return len(s)
}

// maxHeader is how long a value of several parts can be.
const maxHeader = 8 << 10

// headerEnd is wordEnd for keys whose values have more than one word: the credentials after an authentication
// scheme, the cookies after a cookie.
func headerEnd(s string, i int, key string) int {
	end := wordEnd(s, i)
	if lastWordIs(key, "cookie", "cookies") {
		for end+1 < len(s) && end-i < maxHeader && s[end] == ';' && s[end+1] == ' ' {
			end = wordEnd(s, end+2)
		}
		return end
	}
	switch scheme := s[i:end]; {
	case isOneOf(scheme, "bearer", "basic", "token", "apikey", "negotiate", "ntlm"):
		if next := skip(s, end, func(c byte) bool { return c == ' ' }); next > end && next < len(s) {
			return wordEnd(s, next)
		}
	case isOneOf(scheme, "digest", "aws4-hmac-sha256"):
		if length := strings.IndexAny(s[end:], "\r\n"); length >= 0 {
			return end + length
		}
		return len(s)
	}
	if lastWordIs(key, "string", "dsn", "str") {
		for end+1 < len(s) && end-i < maxHeader && s[end] == ';' && !isSpace(s[end+1]) { // Server=a;Password=b
			end = wordEnd(s, end+1)
		}
	}
	return end
}

// wordEnd returns the end of the unquoted value that begins at i. A separator ends it only where another pair, a
// space or the end follows, since passwords contain separators.
func wordEnd(s string, i int) int {
	j := i
	for ; j < len(s); j++ {
		switch c := s[j]; {
		case isSpace(c) || c == '"' || c == '\'' || c == '`' || c == '<' || c == '\\':
			return j
		case strings.IndexByte(",;&)]}|", c) >= 0 && ends(s, j+1):
			return j
		}
	}
	return j
}

// ends says whether a value is over when the next thing is at i.
func ends(s string, i int) bool {
	if i >= len(s) || !isName(s[i]) && s[i] != '%' {
		return true
	}
	end := skip(s[:min(len(s), i+maxName)], i, isName)
	return end < len(s) && (s[end] == '=' || s[end] == ':')
}

func isOneOf(s string, words ...string) bool {
	for _, w := range words {
		if strings.EqualFold(s, w) {
			return true
		}
	}
	return false
}
