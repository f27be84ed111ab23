// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/spacesaving"
)

// Redaction says how much of an attribute value a report shows.
type Redaction uint8

const (
	// Plain shows values as they are.
	Plain Redaction = iota
	// Masked shows the shape of a value: every letter as "a", every digit as "9". What
	// made the series explode (an id, a path, an address) can still be told.
	Masked
	// Hashed shows the value's hash: whether two values are the same, and no more.
	Hashed
)

const (
	maxValueRunes = 64
	maxNameRunes  = 256
	ellipsis      = "..."
)

// writer returns what of a value is kept. Nothing more than that ever stays in memory.
func (r Redaction) writer() spacesaving.Writer {
	switch r {
	case Masked:
		return func(dst []byte, _ uint64, label string) []byte { return mask(dst, label) }
	case Hashed:
		return func(dst []byte, hash uint64, _ string) []byte { return hex(dst, hash) }
	default:
		return func(dst []byte, _ uint64, label string) []byte { return clip(dst, label, maxValueRunes) }
	}
}

// clip appends the first runes of s. Bytes that are not UTF-8 become U+FFFD. It takes
// the same time for a value of any length.
func clip(dst []byte, s string, runes int) []byte {
	// Exact for valid text: doubling would waste half of what a case may take.
	dst = slices.Grow(dst, min(len(s), runes*utf8.UTFMax+len(ellipsis)))
	for range runes {
		if s == "" {
			return dst
		}
		r, size := utf8.DecodeRuneInString(s)
		dst = utf8.AppendRune(dst, r)
		s = s[size:]
	}
	if s != "" {
		dst = append(dst, ellipsis...)
	}
	return dst
}

func mask(dst []byte, s string) []byte {
	from := len(dst)
	dst = clip(dst, s, maxValueRunes)
	to := from
	for rest := dst[from:]; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		switch {
		case unicode.IsDigit(r) || unicode.IsNumber(r):
			r = '9'
		case r > unicode.MaxASCII || unicode.IsLetter(r):
			r = 'a'
		}
		to += utf8.EncodeRune(dst[to:to+utf8.RuneLen(r)], r) // never longer than what it replaces
	}
	return dst[:to]
}

func hex(dst []byte, hash uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[hash>>shift&15])
	}
	return dst
}
