// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"fmt"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
)

var wireTypes = map[event.Type]linkpb.Type{
	event.Float:  linkpb.Type_TYPE_FLOAT,
	event.Int:    linkpb.Type_TYPE_INT,
	event.Symbol: linkpb.Type_TYPE_SYMBOL,
	event.Time:   linkpb.Type_TYPE_TIME,
}

func encodeColumns(s *event.Schema) []*linkpb.Column {
	out := make([]*linkpb.Column, len(s.Columns))
	for i, c := range s.Columns {
		out[i] = &linkpb.Column{Name: c.Name, Type: wireTypes[c.Type]}
	}
	return out
}

// checkColumns reports how the columns of a message differ from those of s.
func checkColumns(got []*linkpb.Column, s *event.Schema) error {
	if len(got) != len(s.Columns) {
		return fmt.Errorf("stream %s has %d columns here, the message has %d", s.Stream, len(s.Columns), len(got))
	}
	for i, want := range s.Columns {
		if got[i].GetName() != want.Name || got[i].GetType() != wireTypes[want.Type] {
			return fmt.Errorf("column %d of stream %s is %s %s here, the message has %s %s",
				i+1, s.Stream, want.Name, wireTypes[want.Type], got[i].GetName(), got[i].GetType())
		}
	}
	return nil
}

func encodeEvents(b *event.Batch, names *event.Symbols) []*linkpb.Event {
	out := make([]*linkpb.Event, b.Len())
	for i := range out {
		r := b.Row(i)
		e := &linkpb.Event{TimeUnixNano: r.Time(), Values: make([]*linkpb.Value, len(b.Schema.Columns))}
		for c, column := range b.Schema.Columns {
			e.Values[c] = encodeValue(column.Type, r, c, names)
		}
		out[i] = e
	}
	return out
}

func encodeValue(t event.Type, r event.Row, i int, names *event.Symbols) *linkpb.Value {
	switch t {
	case event.Float:
		return &linkpb.Value{Kind: &linkpb.Value_Number{Number: r.Float(i)}}
	case event.Symbol:
		return &linkpb.Value{Kind: &linkpb.Value_Symbol{Symbol: names.Name(r.Symbol(i))}}
	case event.Time:
		return &linkpb.Value{Kind: &linkpb.Value_TimeUnixNano{TimeUnixNano: r.Int(i)}}
	default:
		return &linkpb.Value{Kind: &linkpb.Value_Integer{Integer: r.Int(i)}}
	}
}

// decodeEvents reads events whose columns checkColumns has accepted.
func decodeEvents(events []*linkpb.Event, s *event.Schema, names *event.Symbols) (*event.Batch, error) {
	b := event.NewBatch(s, len(events))
	for i, e := range events {
		if len(e.GetValues()) != len(s.Columns) {
			return nil, fmt.Errorf("event %d has %d values, want %d", i, len(e.GetValues()), len(s.Columns))
		}
		r := b.Append()
		r.SetTime(e.GetTimeUnixNano())
		for c, column := range s.Columns {
			if err := decodeValue(e.GetValues()[c], column.Type, r, c, names); err != nil {
				return nil, fmt.Errorf("event %d, column %s: %w", i, column.Name, err)
			}
		}
	}
	return b, nil
}

func decodeValue(v *linkpb.Value, t event.Type, r event.Row, i int, names *event.Symbols) error {
	switch v := v.GetKind().(type) {
	case *linkpb.Value_Number:
		if t == event.Float {
			r.SetFloat(i, v.Number)
			return nil
		}
	case *linkpb.Value_Integer:
		if t == event.Int {
			r.SetInt(i, v.Integer)
			return nil
		}
	case *linkpb.Value_TimeUnixNano:
		if t == event.Time {
			r.SetInt(i, v.TimeUnixNano)
			return nil
		}
	case *linkpb.Value_Symbol:
		if t == event.Symbol {
			id, err := names.Intern(v.Symbol)
			r.SetSymbol(i, id)
			return err
		}
	}
	return fmt.Errorf("value is not of type %s", wireTypes[t])
}
