// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// maxName is how long the name of a setting can be.
const maxName = 64

// findAssigned looks for a secret that is assigned at i, a ':' or '=': key=value, key: value, "key":"value",
// &key=value, key := value.
func findAssigned(s string, i int) (cut, bool) {
	key, begin, quoted := nameBefore(s, i)
	if key == "" {
		return cut{}, false
	}
	if !Key(key) {
		signature := (key == "sig" || key == "signature") && begin > 0 && (s[begin-1] == '&' || s[begin-1] == '?')
		if !signature {
			if key, begin = twoWords(s, begin, key); !Key(key) {
				return cut{}, false
			}
		}
	}
	from := i + 1
	for from < len(s) && from < i+3 && (s[from] == '=' || s[from] == '>') {
		from++
	}
	spaced := skip(s, from, func(c byte) bool { return c == ' ' || c == '\t' })
	v, ok := valueAt(s, spaced, key)
	if !ok {
		return cut{}, false
	}
	if s[i] == ':' && spaced > from && !quoted && v.from == spaced && prose(s, begin, key) {
		// "could not read secret: permission denied", as opposed to a header or something random
		value := s[v.from:v.to]
		return v, strings.Contains(value, " ") || random(value)
	}
	return v, true
}

// prose says whether key, which begins at begin, stands inside a sentence rather than at the begin of a line or
// a list member, or ends a path. Passwords are taken for passwords anywhere.
func prose(s string, begin int, key string) bool {
	if lastWordIs(key, "password", "passwd", "pwd", "passphrase") {
		return false
	}
	return begin > 1 && (s[begin-1] == '/' || s[begin-1] == ' ' && isWord(s[begin-2]))
}

// nameBefore returns the name that ends before i, where it begins, and whether it is quoted.
func nameBefore(s string, i int) (name string, begin int, quoted bool) {
	end := i
	for end > 0 && i-end < 2 && (s[end-1] == ' ' || s[end-1] == ':') {
		end--
	}
	for end > 0 && i-end < 6 && (s[end-1] == '"' || s[end-1] == '\'' || s[end-1] == '\\' || s[end-1] == ']') {
		end--
		quoted = true
	}
	begin = end
	for begin > 0 && end-begin < maxName && isName(s[begin-1]) {
		begin--
	}
	return s[begin:end], begin, quoted
}

// twoWords returns key with the word before it, as in "api key: ...", and where that begins. The key is empty
// if it needs none.
func twoWords(s string, begin int, key string) (words string, first int) {
	if begin < 2 || s[begin-1] != ' ' || !lastWordIs(key, "key", "string", "id") {
		return "", begin
	}
	first = begin - 1
	for first > 0 && begin-first < maxName && isName(s[first-1]) {
		first--
	}
	return s[first : begin+len(key)], first
}

// findFlag looks for "--key value" of a command line at i.
func findFlag(s string, i int) (cut, bool) {
	if !strings.HasPrefix(s[i:], "--") || i > 0 && isName(s[i-1]) {
		return cut{}, false
	}
	end := skip(s[:min(len(s), i+2+maxName)], i+2, isName)
	if end == i+2 || end >= len(s) || s[end] != ' ' || !Key(s[i+2:end]) {
		return cut{}, false
	}
	v, ok := valueAt(s, end+1, s[i+2:end])
	return v, ok && !strings.HasPrefix(s[v.from:], "--")
}

// findElement looks for "<key>value<" around the '>' at i.
func findElement(s string, i int) (cut, bool) {
	begin := i
	for begin > 0 && i-begin < maxName && isName(s[begin-1]) {
		begin--
	}
	if begin == i || begin == 0 || s[begin-1] != '<' || !Key(s[begin:i]) {
		return cut{}, false
	}
	length := strings.IndexByte(s[i+1:], '<')
	if length < 0 {
		length = len(s) - i - 1
	}
	return cut{i + 1, i + 1 + length}, length > 0
}
