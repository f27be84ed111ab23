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

// appendJSON adds one object per row, each on a line of its own: the event
// time as "time", then the columns.
func appendJSON(buf []byte, b *event.Batch, names *event.Symbols) []byte {
	for i := range b.Len() {
		r := b.Row(i)
		buf = append(buf, `{"time":`...)
		buf = appendTime(buf, r.Time())
		for c, column := range b.Schema.Columns {
			buf = append(buf, ',')
			buf = appendText(buf, column.Name)
			buf = append(buf, ':')
			buf = appendValue(buf, column.Type, r, c, names)
		}
		buf = append(buf, "}\n"...)
	}
	return buf
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
	quoted, err := json.Marshal(s)
	if err != nil { // cannot happen: every string has a JSON form
		return append(buf, `""`...)
	}
	return append(buf, quoted...)
}
