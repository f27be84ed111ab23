// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact"
)

// appendAttr appends one attribute as a flat field, groups as dotted names. Every field ends with its separator:
// "," in JSON, " " in pretty lines; the renderer drops the last one.
func (h *handler) appendAttr(buf []byte, prefix string, a slog.Attr) []byte {
	value := a.Value.Resolve()
	if a.Equal(slog.Attr{}) {
		return buf
	}
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range value.Group() {
			buf = h.appendAttr(buf, prefix, member)
		}
		return buf
	}
	if h.quote {
		buf = append(buf, '"')
		buf = appendEscaped(buf, prefix)
		buf = appendEscaped(buf, a.Key)
		buf = append(buf, '"', ':')
		return append(appendJSONValue(buf, value), ',')
	}
	buf = append(buf, prefix...)
	buf = append(buf, a.Key...)
	buf = append(buf, '=')
	return append(appendPrettyValue(buf, value), ' ')
}

// appendJSONValue appends v as a JSON value. Durations are strings like "15ms", times RFC 3339 in UTC.
func appendJSONValue(buf []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindString:
		return appendString(buf, v.String())
	case slog.KindInt64:
		return strconv.AppendInt(buf, v.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(buf, v.Uint64(), 10)
	case slog.KindBool:
		return strconv.AppendBool(buf, v.Bool())
	case slog.KindFloat64:
		return appendFloat(buf, v.Float64())
	case slog.KindDuration:
		return appendString(buf, v.Duration().String())
	case slog.KindTime:
		buf = append(buf, '"')
		buf = v.Time().UTC().AppendFormat(buf, time.RFC3339Nano)
		return append(buf, '"')
	default:
		return appendAny(buf, v.Any())
	}
}

// appendFloat appends f; JSON has no spelling for NaN and infinities, they become strings.
func appendFloat(buf []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return appendString(buf, strconv.FormatFloat(f, 'g', -1, 64))
	}
	return strconv.AppendFloat(buf, f, 'g', -1, 64)
}

// appendAny appends what only reflection can: errors as their text, everything else as encoding/json sees it. A
// value that cannot be marshalled, or panics, is named in its place; the record is never lost.
func appendAny(buf []byte, v any) (out []byte) {
	start := len(buf)
	defer func() {
		if p := recover(); p != nil {
			out = appendString(buf[:start], fmt.Sprintf("!PANIC: %v", p))
		}
	}()
	if r, ok := v.(redact.Rendered); ok {
		return append(buf, r.JSON...)
	}
	if err, ok := v.(error); ok {
		if _, marshals := v.(json.Marshaler); !marshals {
			return appendString(buf, err.Error())
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return appendString(buf, fmt.Sprintf("!ERROR: %v", err))
	}
	return append(buf, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

func appendString(buf []byte, s string) []byte {
	buf = append(buf, '"')
	buf = appendEscaped(buf, s)
	return append(buf, '"')
}

const hexDigits = "0123456789abcdef"

// appendEscaped appends s as the inside of a JSON string. Invalid UTF-8 becomes U+FFFD, so that a line is always
// valid JSON.
func appendEscaped(buf []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			buf = utf8.AppendRune(buf, r) // RuneError is U+FFFD
			i += size
			continue
		}
		i++
		switch {
		case c == '"' || c == '\\':
			buf = append(buf, '\\', c)
		case c == '\n':
			buf = append(buf, '\\', 'n')
		case c == '\t':
			buf = append(buf, '\\', 't')
		case c == '\r':
			buf = append(buf, '\\', 'r')
		case c < ' ' || c == 0x7f:
			buf = append(buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		default:
			buf = append(buf, c)
		}
	}
	return buf
}
