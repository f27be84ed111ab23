// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package wire refuses OTLP requests that decoders take and should not, before
// they are decoded: for a few bytes of one sender the data of others would be
// lost.
//
//   - Attribute values may hold values, and decoders recurse: a request of 20 MB
//     can be two million levels deep, which ends the process, and a few hundred
//     levels already make the decoders of many backends refuse a whole batch.
//   - Texts must be UTF-8, which pdata's decoder does not look at, and which
//     backends refuse a whole batch for.
package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Max is the number of messages that may lie within each other, the request
// included. It is the default of the decoders of Protocol Buffers for C++ and
// Java. An attribute value takes 8 of it, and 2 or 3 more for each level of
// arrays or maps in it.
const Max = 100

// ErrTooDeep is told to the sender.
var ErrTooDeep = errors.New("messages are nested more than 100 deep; flatten the attribute values")

// ErrText is told to the sender, with the text.
var ErrText = errors.New("is not UTF-8; encode it, or send bytes")

// Metrics checks a metrics request in Protocol Buffers. It costs about 8 ns per
// data point. What is not valid otherwise is left for the decoder to name.
func Metrics(b []byte) error { return check(b, metrics, Max-1) }

// Traces checks a traces request as Metrics does.
func Traces(b []byte) error { return check(b, traces, Max-1) }

// Logs checks a logs request as Metrics does.
func Logs(b []byte) error { return check(b, logs, Max-1) }

// short is how long a text is quoted.
const short = 64

// check looks at b, which may have room messages below it.
func check(b []byte, m *message, room int) error {
	for i := 0; i < len(b); {
		tag, n := uint64(b[i]), 1 // nearly every tag and length has one byte
		if tag >= 0x80 {
			if tag, n = binary.Uvarint(b[i:]); n <= 0 {
				return nil
			}
		}
		i += n
		switch tag & 7 {
		case 2:
			if i == len(b) {
				return nil
			}
			size, n := uint64(b[i]), 1
			if size >= 0x80 {
				if size, n = binary.Uvarint(b[i:]); n <= 0 {
					return nil
				}
			}
			i += n
			if size > uint64(len(b)-i) {
				return nil
			}
			inner := b[i : i+int(size)]
			i += int(size)
			number := uint32(tag >> 3)
			if number >= uint32(len(m)) {
				continue
			}
			switch f := &m[number]; {
			case f.message != nil:
				if room == 0 {
					return ErrTooDeep
				}
				if harmless(inner, room-1) {
					continue
				}
				if err := check(inner, f.message, room-1); err != nil {
					return err
				}
			case f.text != "" && !utf8.Valid(inner):
				return fmt.Errorf("%s %q %w", f.text, inner[:min(len(inner), short)], ErrText)
			}
		case 1:
			i += 8
		case 0:
			if _, n = binary.Uvarint(b[i:]); n <= 0 {
				return nil
			}
			i += n
		case 5:
			i += 4
		case 3, 4: // a group, whose fields follow
		default:
			return nil
		}
	}
	return nil
}

// harmless reports whether b, a message that may have room messages below it, needs
// no look at its fields: behind numbers of eight bytes it is short and has no byte
// above 127, so that no text in it is bad. So are nearly all attributes and points.
func harmless(b []byte, room int) bool {
	i := 0
	for i < len(b) && b[i]&0x87 == 1 {
		i += 9
	}
	// Every message needs at least two bytes around the one within it.
	return i >= len(b) || len(b)-i < 2*room && ascii(b[i:])
}

// ascii reads words that overlap rather than count the bytes that are left: texts
// are of any length, and a loop whose end is not foreseen costs more.
func ascii(b []byte) bool {
	const high = 0x8080808080808080
	for len(b) > 32 {
		if (word(b)|word(b[8:])|word(b[16:])|word(b[24:]))&high != 0 {
			return false
		}
		b = b[32:]
	}
	switch n := len(b); {
	case n >= 16:
		return (word(b)|word(b[8:])|word(b[n-16:])|word(b[n-8:]))&high == 0
	case n >= 8:
		return (word(b)|word(b[n-8:]))&high == 0
	default:
		for _, c := range b {
			if c >= 0x80 {
				return false
			}
		}
		return true
	}
}

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// JSON checks a request of any signal: every message is an object, and arrays
// count by themselves. It costs about a nanosecond per byte.
func JSON(b []byte) error {
	if !utf8.Valid(b) {
		return fmt.Errorf("the JSON after %q %w", valid(b), ErrText)
	}
	objects, arrays := 0, 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{':
			objects++
		case '}':
			objects--
		case '[':
			arrays++
		case ']':
			arrays--
		case '"':
			i += text(b[i+1:])
		}
		if objects > Max || arrays > Max {
			return ErrTooDeep
		}
	}
	return nil
}

// valid returns the last that is UTF-8 before the first that is not.
func valid(b []byte) []byte {
	n := 0
	for n < len(b) {
		r, size := utf8.DecodeRune(b[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return bytes.ToValidUTF8(b[max(0, n-short):n], nil)
}

// text returns the length of a string with its closing quote, that of b when
// it does not end.
func text(b []byte) int {
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		i += n + 1
		escapes := 0
		for j := i - 2; j >= 0 && b[j] == '\\'; j-- {
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
	}
}
