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
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

const version = 1

func appendHead(dst []byte, s *event.Schema) []byte {
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, version), uint64(len(s.Columns)))
	for _, c := range s.Columns {
		dst = binary.AppendUvarint(AppendText(dst, c.Name), uint64(c.Type))
	}
	return dst
}

// Encode appends b to dst. names has the texts of its symbols.
func Encode(dst []byte, b *event.Batch, names *event.Symbols) []byte {
	dst = binary.AppendUvarint(appendHead(dst, b.Schema), uint64(b.Len()))
	texts, last := map[event.ID]uint64{}, int64(0)
	for i := range b.Len() {
		r := b.Row(i)
		dst = binary.AppendVarint(dst, r.Time()-last) // may wrap around, and wraps back in Decode
		last = r.Time()
		for c, column := range b.Schema.Columns {
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
	head := appendHead(nil, s)
	if !bytes.HasPrefix(data, head) {
		return nil, fmt.Errorf("could not read a batch of %s as one of stream %s, of %s: declare it alike on both sides",
			describe(data), s.Stream, describe(head))
	}
	r := Reader{Data: data[len(head):]}
	n := r.Uvarint()
	if n > uint64(len(r.Data)/(1+len(s.Columns))) { // every value takes a byte at least
		r.Err, n = errCut, 0
	}
	b := event.NewBatch(s, int(n))
	if err := readRows(&r, b, int(n), names); err != nil {
		return nil, fmt.Errorf("could not read a batch: %w", err)
	}
	if len(r.Data) > 0 {
		return nil, fmt.Errorf("could not read a batch: %d bytes follow its last row", len(r.Data))
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
				if word := r.take(8); word != nil {
					row[c+1] = binary.LittleEndian.Uint64(word)
				}
			case event.Symbol:
				k := r.Uvarint()
				if k == 0 && r.Err == nil {
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
	return r.Err
}

// describe says for people what a batch starts with.
func describe(data []byte) string {
	types := [...]string{"?", "float", "int", "symbol", "time", "?"}
	r := Reader{Data: data}
	text := fmt.Sprintf("format %d with columns", r.Uvarint())
	for n := r.Uvarint(); n > 0 && r.Err == nil && len(text) < 500; n-- {
		text += fmt.Sprintf(" %q %s", r.Bytes(), types[min(r.Uvarint(), 5)])
	}
	return text
}

var errCut = errors.New("the data is cut off or damaged")

// AppendText appends s with its length.
func AppendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// Reader takes values off the front of Data. Once one is cut off or malformed, Err says so, it and all later ones are
// zero, and Data is empty.
type Reader struct {
	Data []byte
	Err  error
}

func (r *Reader) take(n uint64) []byte {
	if n > uint64(len(r.Data)) {
		r.Data, r.Err = nil, errCut
		return nil
	}
	head := r.Data[:n]
	r.Data = r.Data[n:]
	return head
}

// Uvarint reads what binary.AppendUvarint wrote.
func (r *Reader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.Data)
	if n <= 0 {
		v, n = 0, len(r.Data)+1
	}
	r.take(uint64(n))
	return v
}

// Varint reads what binary.AppendVarint wrote.
func (r *Reader) Varint() int64 {
	v := r.Uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// Bytes reads what AppendText wrote. They share memory with Data.
func (r *Reader) Bytes() []byte { return r.take(r.Uvarint()) }
