// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import "time"

// timestampLayout is RFC 3339 in UTC with exactly three digits of milliseconds.
const timestampLayout = "2006-01-02T15:04:05.000Z"

// appendJSON renders l in the shape of the logging standards. fields is always there; span only if the record was
// written inside a span; timestamp unless the record has none.
func appendJSON(buf []byte, l line) []byte {
	buf = append(buf, '{')
	if !l.record.Time.IsZero() {
		buf = append(buf, `"timestamp":"`...)
		buf = l.record.Time.UTC().Truncate(time.Millisecond).AppendFormat(buf, timestampLayout)
		buf = append(buf, `",`...)
	}
	buf = append(buf, `"level":"`...)
	buf = append(buf, LevelName(l.record.Level)...)
	buf = append(buf, `","target":`...)
	buf = appendString(buf, l.target)
	buf = append(buf, `,"message":`...)
	buf = appendString(buf, l.record.Message)
	buf = append(buf, `,"fields":{`...)
	buf = append(buf, trimSeparator(l.fields)...)
	buf = append(buf, '}')
	if l.span.IsValid() {
		buf = append(buf, `,"span":{"trace_id":"`...)
		buf = appendHex(buf, l.span.TraceID())
		buf = append(buf, `","span_id":"`...)
		id := l.span.SpanID()
		buf = appendHexBytes(buf, id[:])
		buf = append(buf, `"}`...)
	}
	return append(buf, '}', '\n')
}

func trimSeparator(fields []byte) []byte {
	if len(fields) == 0 {
		return fields
	}
	return fields[:len(fields)-1]
}

func appendHex(buf []byte, id [16]byte) []byte {
	return appendHexBytes(buf, id[:])
}

func appendHexBytes(buf, id []byte) []byte {
	for _, b := range id {
		buf = append(buf, hexDigits[b>>4], hexDigits[b&0xf])
	}
	return buf
}
