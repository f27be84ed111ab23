// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// findPEM looks for a PEM or SSH2 block that begins at i. A block without an end was truncated on its way: what
// is left of the text belongs to it.
func findPEM(s string, i int) (cut, bool) {
	dashes := "-----"
	if !strings.HasPrefix(s[i:], "-----BEGIN ") {
		if dashes = "----"; !strings.HasPrefix(s[i:], "---- BEGIN ") {
			return cut{}, false
		}
	}
	for from := i; ; {
		next := strings.Index(s[from:], "END ")
		if next < 0 {
			break
		}
		end := from + next
		from = end + len("END ")
		if !strings.HasSuffix(strings.TrimSuffix(s[i:end], " "), "----") {
			continue
		}
		if stop := strings.Index(s[from:], dashes); stop >= 0 {
			return cut{i, skip(s, from+stop, func(c byte) bool { return c == '-' })}, true
		}
		break
	}
	return cut{i, len(s)}, true
}
