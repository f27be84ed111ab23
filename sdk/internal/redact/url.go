// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// maxUserInfo is how far the '@' of a URL may be from its "://".
const maxUserInfo = 512

// findUserInfo looks for the user-info of a URL whose "://" ends at i. A password in which '/', '?' or '#' were
// not escaped is found too, unless it begins like a port.
func findUserInfo(s string, i int) (cut, bool) {
	limit := min(len(s), i+maxUserInfo)
	at, colon := -1, -1
	for j := i; j < limit; j++ {
		switch c := s[j]; {
		case c == '@':
			at = j
		case c == ':' && colon < 0:
			colon = j
		case c == '/' || c == '?' || c == '#':
			if at >= 0 || colon < 0 || s[i] == '[' || colon+1 == j || isDigit(s[colon+1]) && skipDigits(s, colon+1) == j {
				return upTo(i, at)
			}
		case isSpace(c) || c == '"' || c == '<' || c == '>' || c == '\\' || c == '`':
			return upTo(i, at)
		}
	}
	return upTo(i, at)
}

func upTo(from, at int) (cut, bool) {
	return cut{from, at}, at > from
}

// findBareUserInfo looks for "user:password@host:port" and the "user:password@tcp(host)" of database drivers,
// around the '@' at i.
func findBareUserInfo(s string, i int) (cut, bool) {
	from, colon := i, -1
	for from > 0 && i-from < maxUserInfo && !isSpace(s[from-1]) && !strings.ContainsRune("\"'`=(,;/@<>[]{}", rune(s[from-1])) {
		from--
		if s[from] == ':' {
			colon = from
		}
	}
	if colon <= from || colon+1 == i || !isWord(s[from]) || isDigit(s[from]) || !hostFollows(s[i+1:]) {
		return cut{}, false
	}
	return cut{from, i}, true
}

// hostFollows says whether s begins with "host:port" or "protocol(".
func hostFollows(s string) bool {
	end := skip(s, 0, isName)
	if end == 0 || end == len(s) {
		return false
	}
	if s[end] == '(' {
		return true
	}
	port := skipDigits(s, end+1) - end - 1
	after := end + 1 + port
	return s[end] == ':' && port >= 2 && port <= 5 && (after == len(s) || !isWord(s[after]))
}
