// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// JSON turns flat objects into rows. Each column of Schema must be a field of its type; other fields are ignored. The
// event time is the field "timestamp", or "time" as sinks write it unless that is a column, or now.
type JSON struct {
	Schema *event.Schema
	Names  *event.Symbols
}

// Append adds the rows of data: of one object, several after one another, or an array. An error names the record,
// counted from 1, and the field; then nothing is added.
func (j JSON) Append(b *event.Batch, data []byte, now int64) (err error) {
	before, n := b.Len(), 1
	defer func() {
		if err != nil {
			b.Truncate(before)
			err = fmt.Errorf("record %d: %w", n, err)
		}
	}()
	in := json.NewDecoder(bytes.NewReader(data))
	in.UseNumber()
	array := bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("["))
	if array {
		_, _ = in.Token()
	}
	for ; in.More() || n == 1 && !array; n++ {
		var v any
		if err := in.Decode(&v); err != nil {
			return err
		}
		if err := j.row(b.Append(), v, now); err != nil {
			return err
		}
	}
	if array {
		if _, err := in.Token(); err != nil {
			return io.ErrUnexpectedEOF
		}
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) || !utf8.Valid(data) {
		return errors.New("what follows the last record, or a text in it, is no JSON")
	}
	return nil
}

func (j JSON) row(r event.Row, v any, now int64) error {
	fields, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("want an object, got %T", v)
	}
	at, ok := fields["timestamp"]
	if _, column := j.Schema.Index("time"); !ok && !column {
		at, ok = fields["time"]
	}
	r.SetTime(now)
	if ok {
		if err := j.set(r, -1, event.Time, at); err != nil {
			return fmt.Errorf("event time: %w", err)
		}
	}
	for i, c := range j.Schema.Columns {
		if err := j.set(r, i, c.Type, fields[c.Name]); err != nil {
			return fmt.Errorf("field %q: %w", c.Name, err)
		}
	}
	return nil
}

func (j JSON) set(r event.Row, column int, t event.Type, v any) error {
	number, isNumber := v.(json.Number)
	text, isText := v.(string)
	switch {
	case isNumber && t != event.Symbol:
		return set(r, column, t, number.String(), j.Names)
	case isText && (t == event.Symbol || t == event.Time):
		return set(r, column, t, text, j.Names)
	default:
		want := [...]string{event.Float: "number", event.Int: "integer", event.Symbol: "text", event.Time: "time"}[t]
		return fmt.Errorf("want a value of type %s, got %.40v", want, v)
	}
}

// maxText bounds a value from outside, so that the bound of Symbols is one in bytes, too.
const maxText = 1024

// set reads text into a column; -1 is the event time.
func set(r event.Row, column int, t event.Type, text string, names *event.Symbols) error {
	if len(text) > maxText {
		return fmt.Errorf("value has %d bytes, at most %d are taken", len(text), maxText)
	}
	var n int64
	var err error
	switch t {
	case event.Float:
		var v float64
		v, err = strconv.ParseFloat(text, 64)
		n = int64(math.Float64bits(v))
	case event.Symbol:
		var id event.ID
		id, err = names.Intern(text)
		n = int64(id)
	case event.Time:
		n, err = parseTime(text)
	default:
		n, err = parseInt(text)
	}
	r.SetInt(column, n)
	return err
}

// parseInt also takes the decimal form that some tools write, if nothing is behind the point.
func parseInt(s string) (int64, error) {
	v, err := strconv.ParseInt(s, 10, 64)
	const exact = 1 << 53 // above, a double skips integers
	if f, bad := strconv.ParseFloat(s, 64); err != nil && bad == nil && f == math.Trunc(f) && -exact <= f && f <= exact {
		return int64(f), nil
	}
	return v, err
}

// parseTime reads RFC 3339, or a number since 1970 whose size says whether it counts seconds, ms, µs or ns.
func parseTime(s string) (int64, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		for _, unit := range [...]int64{1e9, 1e6, 1e3} { // years 1684 to 2255 in seconds
			if limit := 9e9 * (1e9 / unit); -limit < n && n < limit {
				return n * unit, nil
			}
		}
		return n, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err == nil && !time.Unix(0, t.UnixNano()).Equal(t) {
		err = fmt.Errorf("year %d is out of range", t.Year())
	}
	return t.UnixNano(), err
}
