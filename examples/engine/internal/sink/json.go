// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"encoding/json"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// appendJSON adds the rows of b, each on a line of its own.
func appendJSON(buf []byte, b *event.Batch, names *event.Symbols) []byte {
	for i := range b.Len() {
		buf = append(AppendRow(buf, b.Schema, b.Row(i), names), '\n')
	}
	return buf
}

// AppendRow adds r as an object: the event time as "time", then the columns.
func AppendRow(buf []byte, s *event.Schema, r event.Row, names *event.Symbols) []byte {
	buf = appendValue(append(buf, `{"time":`...), time.Unix(0, r.Time()).UTC())
	for c, column := range s.Columns {
		buf = append(appendValue(append(buf, ','), column.Name), ':')
		buf = appendValue(buf, value(column.Type, r, c, names))
	}
	return append(buf, '}')
}

func appendValue(buf []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return append(buf, "null"...) // JSON has no word for it
	}
	return append(buf, text...)
}

func value(t event.Type, r event.Row, column int, names *event.Symbols) any {
	switch t {
	case event.Float:
		return r.Float(column)
	case event.Symbol:
		return names.Name(r.Symbol(column))
	case event.Time:
		return time.Unix(0, r.Int(column)).UTC()
	default:
		return r.Int(column)
	}
}
