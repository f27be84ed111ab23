// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package wire is the binary form of a batch with its texts, for logs and connections of one version of the engine:
//
//	version, columns {name, type}, number of rows, rows {time, values}
//
// Numbers are varints, times are differences to the time of the row or of the row before, doubles have eight bytes.
// A symbol, whose id means nothing to others, is 0 and its text, or k for the k-th text so far in this batch.
package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

const version = 1

// Encode appends b to dst. names has the texts of its symbols.
func Encode(dst []byte, b *event.Batch, names *event.Symbols) []byte {
	columns := b.Schema.Columns
	dst = binary.AppendUvarint(append(dst, version), uint64(len(columns)))
	for _, c := range columns {
		dst = append(AppendText(dst, c.Name), byte(c.Type))
	}
	dst = binary.AppendUvarint(dst, uint64(b.Len()))
	texts, last := map[event.ID]uint64{}, int64(0)
	for i := range b.Len() {
		r := b.Row(i)
		dst = binary.AppendVarint(dst, r.Time()-last) // may wrap around, and wraps back in Decode
		last = r.Time()
		for c, column := range columns {
			switch column.Type {
			case event.Float:
				dst = binary.LittleEndian.AppendUint64(dst, r[c+1])
			case event.Symbol:
				k := texts[r.Symbol(c)]
				if dst = binary.AppendUvarint(dst, k); k == 0 {
					dst = AppendText(dst, names.Name(r.Symbol(c)))
					texts[r.Symbol(c)] = uint64(len(texts) + 1)
				}
			case event.Time:
				dst = binary.AppendVarint(dst, r.Int(c)-last)
			default:
				dst = binary.AppendVarint(dst, r.Int(c))
			}
		}
	}
	return dst
}

// Decode returns the batch in data as rows of s, which must have the same columns, and interns its texts in names.
// Data may come from anyone: what is allocated is in proportion to its length.
func Decode(data []byte, s *event.Schema, names *event.Symbols) (*event.Batch, error) {
	r := NewReader(data)
	if v := r.Byte(); v != version && r.err == nil {
		return nil, fmt.Errorf("could not read a batch of format %d, only %d: run the same version everywhere", v, version)
	}
	if err := checkColumns(r, s); err != nil {
		return nil, err
	}
	shortest := 1 // row, in bytes
	for _, c := range s.Columns {
		if shortest++; c.Type == event.Float {
			shortest += 7
		}
	}
	n := r.Uvarint()
	if n > uint64(len(r.data)/shortest) {
		return nil, fmt.Errorf("could not read a batch of %d rows: %w", n, errCut)
	}
	b := event.NewBatch(s, int(n))
	err := readRows(r, b, int(n), names)
	if err == nil && len(r.data) > 0 {
		err = fmt.Errorf("%d bytes follow its last row", len(r.data))
	}
	if err != nil {
		return nil, fmt.Errorf("could not read a batch: %w", err)
	}
	return b, nil
}

func readRows(r *Reader, b *event.Batch, n int, names *event.Symbols) error {
	var texts []event.ID
	last := int64(0)
	for range n {
		row := b.Append()
		last += r.Varint()
		row.SetTime(last)
		for c, column := range b.Schema.Columns {
			switch column.Type {
			case event.Float:
				if head := r.take(8); head != nil {
					row[c+1] = binary.LittleEndian.Uint64(head)
				}
			case event.Symbol:
				k := r.Uvarint()
				if k == 0 && r.err == nil {
					id, err := names.Intern(string(r.Bytes()))
					if err != nil {
						return err
					}
					texts = append(texts, id)
					k = uint64(len(texts))
				}
				if k == 0 || k > uint64(len(texts)) {
					return errCut
				}
				row.SetSymbol(c, texts[k-1])
			case event.Time:
				row.SetInt(c, last+r.Varint())
			default:
				row.SetInt(c, r.Varint())
			}
		}
	}
	return r.err
}

// checkColumns refuses columns other than those of s: their values would be taken for something else.
func checkColumns(r *Reader, s *event.Schema) error {
	n := r.Uvarint()
	if n != uint64(len(s.Columns)) && r.err == nil {
		return fmt.Errorf("could not take a batch of %d columns, stream %s has %d: declare it alike on both sides", n, s.Stream, len(s.Columns))
	}
	for i, want := range s.Columns {
		name, kind := r.Bytes(), event.Type(r.Byte())
		if r.err == nil && (string(name) != want.Name || kind != want.Type) {
			return fmt.Errorf("could not take a batch, its column %d is %q (%s), that of stream %s is %q (%s): declare it alike on both sides",
				i+1, name, typeName(kind), s.Stream, want.Name, typeName(want.Type))
		}
	}
	return r.err
}

func typeName(t event.Type) string {
	names := []string{event.Float: "float", event.Int: "int", event.Symbol: "symbol", event.Time: "time"}
	if t == 0 || int(t) >= len(names) {
		return fmt.Sprintf("type %d", t)
	}
	return names[t]
}
