// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/gob"
	"errors"
	"slices"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

type standin struct {
	Columns []event.Column
	Rows    [][]uint64
	Names   map[uint64]string
}

func Encode(dst []byte, b *event.Batch, names *event.Symbols) []byte {
	s := standin{Columns: b.Schema.Columns, Names: map[uint64]string{}}
	for i := range b.Len() {
		s.Rows = append(s.Rows, b.Row(i))
		for c, col := range b.Schema.Columns {
			if col.Type == event.Symbol {
				s.Names[b.Row(i)[c+1]] = names.Name(b.Row(i).Symbol(c))
			}
		}
	}
	buf := bytes.NewBuffer(dst)
	_ = gob.NewEncoder(buf).Encode(s)
	return buf.Bytes()
}

func Decode(data []byte, schema *event.Schema, names *event.Symbols) (*event.Batch, error) {
	var s standin
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return nil, err
	}
	if !slices.Equal(s.Columns, schema.Columns) {
		return nil, errors.New("columns differ")
	}
	b := event.NewBatch(schema, len(s.Rows))
	for _, r := range s.Rows {
		b.AppendRow(r)
		for c, col := range schema.Columns {
			if col.Type == event.Symbol {
				id, err := names.Intern(s.Names[r[c+1]])
				if err != nil {
					return nil, err
				}
				b.Row(b.Len()-1).SetSymbol(c, id)
			}
		}
	}
	return b, nil
}
