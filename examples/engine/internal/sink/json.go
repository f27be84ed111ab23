// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"encoding/json"
	"math"
	"strconv"
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
	buf = appendTime(append(buf, `{"time":`...), r.Time())
	for c, column := range s.Columns {
		buf = append(appendText(append(buf, ','), column.Name), ':')
		buf = appendValue(buf, column.Type, r, c, names)
	}
	return append(buf, '}')
}

func appendValue(buf []byte, t event.Type, r event.Row, column int, names *event.Symbols) []byte {
	switch t {
	case event.Float:
		v := r.Float(column)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(buf, "null"...) // JSON has no word for it
		}
		return strconv.AppendFloat(buf, v, 'g', -1, 64)
	case event.Symbol:
		return appendText(buf, names.Name(r.Symbol(column)))
	case event.Time:
		return appendTime(buf, r.Int(column))
	default:
		return strconv.AppendInt(buf, r.Int(column), 10)
	}
}

func appendTime(buf []byte, t int64) []byte {
	buf = append(buf, '"')
	buf = time.Unix(0, t).UTC().AppendFormat(buf, time.RFC3339Nano)
	return append(buf, '"')
}

func appendText(buf []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // cannot fail: every string has a JSON form
	return append(buf, quoted...)
}
