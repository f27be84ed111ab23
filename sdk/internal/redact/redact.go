// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package redact takes secrets out of text and attributes: by the key a value has, and by what the value looks
// like. It is pure and keeps no state: everything is safe for concurrent use, takes linear time, and allocates
// nothing where there is nothing to hide.
//
// A matcher errs towards hiding. What it must not hide is what engines say all day: ids, counts, durations,
// timestamps, names of streams and queries, positions in a query text.
package redact

import "slices"

// Mark stands where a secret was.
const Mark = "***"

// maxPasses bounds how often String looks at its own result: a cut can bring together what was apart.
const maxPasses = 4

// cut is a part of a text, from inclusive, to exclusive, that must not be seen.
type cut struct{ from, to int }

// String returns s with every secret replaced by Mark, and how many there were. Without one it returns s itself.
func String(s string) (string, int) {
	n := 0
	for range maxPasses {
		next, found := pass(s)
		if found == 0 {
			break
		}
		s, n = next, n+found
	}
	return s, n
}

func pass(s string) (string, int) {
	c, ok := find(s, 0)
	if !ok {
		return s, 0
	}
	out := make([]byte, 0, len(s))
	kept, n := 0, 0
	for ok {
		out = append(out, s[kept:c.from]...)
		out = append(out, Mark...)
		kept = c.to
		n++
		c, ok = find(s, kept)
	}
	return string(append(out, s[kept:]...)), n
}

// Strings is String for each member. It returns list itself if nothing is to be hidden, else a copy.
func Strings(list []string) ([]string, int) {
	return Each(list, String)
}

// Each returns list with clean done to each member, and how many secrets that hid: list itself if there were none,
// else a copy.
func Each[T any](list []T, clean func(T) (T, int)) ([]T, int) {
	out, n := list, 0
	for i, member := range list {
		cleaned, found := clean(member)
		if found == 0 {
			continue
		}
		if n == 0 {
			out = slices.Clone(list)
		}
		out[i] = cleaned
		n += found
	}
	return out, n
}
