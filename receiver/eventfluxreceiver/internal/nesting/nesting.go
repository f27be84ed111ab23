// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package nesting refuses OTLP requests that are nested too deeply, before
// they are decoded. Attribute values may hold values, and decoders recurse: a
// request of 20 MB can be two million levels deep, which ends the process, and
// a few hundred levels already make the decoders of many backends refuse a
// batch with the data of others in it.
package nesting

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Max is the number of messages that may lie within each other, the request
// included. It is the default of the decoders of Protocol Buffers for C++ and
// Java. An attribute value takes 8 of it, and 2 or 3 more for each level of
// arrays or maps in it.
const Max = 100

// ErrTooDeep is told to the sender.
var ErrTooDeep = errors.New("messages are nested more than 100 deep; flatten the attribute values")

// message says which fields of a message hold messages that may, at some
// depth, hold attribute values. The others cannot recurse.
type message [16]*message

// request is what is common to the requests of the three signals. Where they
// use the same field number, the message has the fields of both: a wrong guess
// follows bytes that are no message, which end soon.
var request = schema()

func schema() *message {
	var value, keyValue, array, list message
	array[1], list[1] = &value, &keyValue
	value[5], value[6] = &array, &list
	keyValue[2] = &value

	exemplar := message{7: &keyValue}
	// Attributes are field 7 of a number and of a summary, 9 of a histogram and 1
	// of an exponential histogram; exemplars are fields 5, 8 and 11.
	point := message{1: &keyValue, 5: &exemplar, 7: &keyValue, 8: &exemplar, 9: &keyValue, 11: &exemplar}
	points := message{1: &point}
	item := message{
		5:  {1: &point, 5: &array, 6: &list}, // a gauge, or the body of a log record
		6:  &keyValue,                        // attributes of a log record
		7:  &points,
		9:  {1: &point, 2: &value}, // a histogram, or an attribute of a span
		10: &points,
		11: {1: &point, 3: &keyValue}, // a summary, or an event of a span
		12: &keyValue,                 // metadata of a metric
		13: {4: &keyValue},            // a link of a span
	}
	scope := message{1: {3: &keyValue}, 2: &item}
	return &message{1: {1: {1: &keyValue}, 2: &scope}}
}

// Protobuf checks a request of any signal. It costs about 5 ns per data point,
// since it does not look into messages that are too short to be deep. What is
// not valid is left for the decoder to name.
func Protobuf(b []byte) error {
	if !shallow(b, request, Max-1) {
		return ErrTooDeep
	}
	return nil
}

// shallow reports whether b has at most room messages below it.
func shallow(b []byte, m *message, room int) bool {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return true
		}
		b = b[n:]
		switch tag & 7 {
		case 0:
			_, n = binary.Uvarint(b)
		case 1:
			n = 8
		case 5:
			n = 4
		case 3, 4: // a group, whose fields follow
			continue
		case 2:
			var size uint64
			if size, n = binary.Uvarint(b); n <= 0 || size > uint64(len(b)-n) {
				return true
			}
			inner := b[n : n+int(size)]
			n += int(size)
			// Every message needs at least two bytes around the one within it.
			field := int32(tag >> 3)
			if len(inner) < 2*room || field < 0 || int(field) >= len(m) || m[field] == nil {
				break
			}
			if room == 0 || !shallow(inner, m[field], room-1) {
				return false
			}
		default:
			return true
		}
		if n <= 0 || n > len(b) {
			return true
		}
		b = b[n:]
	}
	return true
}

// JSON checks a request of any signal: every message is an object, and arrays
// count by themselves. It costs about a nanosecond per byte.
func JSON(b []byte) error {
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
