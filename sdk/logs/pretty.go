// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"log/slog"
	"strconv"
	"strings"
	"unicode"
)

// appendPretty renders l for a terminal: time of day, level, target, message, fields, trace.
func appendPretty(buf []byte, l line) []byte {
	if !l.record.Time.IsZero() {
		buf = l.record.Time.AppendFormat(buf, "15:04:05.000 ")
	}
	level := LevelName(l.record.Level)
	buf = append(buf, level...)
	buf = append(buf, "      "[len(level):]...)
	buf = append(buf, l.target...)
	buf = append(buf, ": "...)
	buf = append(buf, printable(l.record.Message)...)
	if fields := trimSeparator(l.fields); len(fields) > 0 {
		buf = append(buf, "  "...)
		buf = append(buf, fields...)
	}
	if l.span.IsValid() {
		buf = append(buf, "  trace="...)
		buf = append(buf, l.span.TraceID().String()...)
	}
	return append(buf, '\n')
}

// appendPrettyValue appends v bare where that is readable, else quoted.
func appendPrettyValue(buf []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindString:
		return append(buf, printable(v.String())...)
	case slog.KindAny:
		return appendAny(buf, v.Any())
	default:
		return append(buf, v.String()...)
	}
}

// printable returns s, quoted if it would break the line.
func printable(s string) string {
	breaks := func(r rune) bool { return r == '"' || r == '=' || !unicode.IsPrint(r) }
	if strings.ContainsFunc(s, breaks) {
		return strconv.Quote(s)
	}
	return s
}
