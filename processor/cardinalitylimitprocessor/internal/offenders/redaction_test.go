// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestRedaction(t *testing.T) {
	for _, c := range []struct{ in, plain, masked string }{
		{"", "", ""},
		{"GET /users/42", "GET /users/42", "aaa /aaaaa/99"},
		{"550e8400-e29b", "550e8400-e29b", "999a9999-a99a"},
		{"Ünï٣😀", "Ünï٣😀", "aaa9a"},
		{"a\xff\xfeb", "a\uFFFD\uFFFDb", "aaaa"},
		{strings.Repeat("é", 64), strings.Repeat("é", 64), strings.Repeat("a", 64)},
		{strings.Repeat("7", 65), strings.Repeat("7", 64) + "...", strings.Repeat("9", 64) + "..."},
	} {
		if got := string(Plain.writer()([]byte("x"), 1, c.in)); got != "x"+c.plain {
			t.Errorf("plain %q: %q, want %q", c.in, got, "x"+c.plain)
		}
		if got := string(Masked.writer()([]byte("x"), 1, c.in)); got != "x"+c.masked {
			t.Errorf("masked %q: %q, want %q", c.in, got, "x"+c.masked)
		}
		if got := string(Hashed.writer()([]byte("x"), 0xab<<56|1, c.in)); got != "xab00000000000001" {
			t.Errorf("hashed %q: %q", c.in, got)
		}
	}
}

// Whatever comes in, what is kept is short, valid, and masked if it should be.
func FuzzRedaction(f *testing.F) {
	f.Add("user-17")
	f.Add("\xff\x00é")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range []Redaction{Plain, Masked, Hashed} {
			got := r.writer()(nil, 1, s)
			if !utf8.Valid(got) || utf8.RuneCount(got) > maxValueRunes+3 {
				t.Errorf("%q became %q", s, got)
			}
			if r == Masked && strings.ContainsAny(string(got), "bcdefxyzABC12345678é") {
				t.Errorf("%q was masked as %q", s, got)
			}
		}
	})
}
