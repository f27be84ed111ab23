// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package event

import "math"

// Row is one event: word 0 is the event time, word i+1 is column i.
type Row []uint64

// Time returns the event time in nanoseconds since 1970.
func (r Row) Time() int64 { return int64(r[0]) }

// Float returns column i as a double.
func (r Row) Float(i int) float64 { return math.Float64frombits(r[i+1]) }

// Int returns column i as an integer; a Time column is read the same way.
func (r Row) Int(i int) int64 { return int64(r[i+1]) }

// Symbol returns column i as an interned text.
func (r Row) Symbol(i int) ID { return ID(r[i+1]) }

// SetTime sets the event time.
func (r Row) SetTime(t int64) { r[0] = uint64(t) }

// SetFloat sets column i.
func (r Row) SetFloat(i int, v float64) { r[i+1] = math.Float64bits(v) }

// SetInt sets column i; a Time column is set the same way.
func (r Row) SetInt(i int, v int64) { r[i+1] = uint64(v) }

// SetSymbol sets column i.
func (r Row) SetSymbol(i int, v ID) { r[i+1] = uint64(v) }

// Batch is a run of rows of one schema.
//
// A batch belongs to one goroutine while it is filled. Once published it is
// shared by every subscriber and must not change.
type Batch struct {
	Schema *Schema

	stride int
	words  []uint64
}

// NewBatch returns an empty batch with room for n rows.
func NewBatch(s *Schema, n int) *Batch {
	stride := len(s.Columns) + 1
	return &Batch{Schema: s, stride: stride, words: make([]uint64, 0, n*stride)}
}

// Len is the number of rows; a nil batch has none.
func (b *Batch) Len() int {
	if b == nil {
		return 0
	}
	return len(b.words) / b.stride
}

// Row returns row i. It shares memory with the batch.
func (b *Batch) Row(i int) Row {
	at := i * b.stride
	return b.words[at : at+b.stride : at+b.stride]
}

// Append adds a row and returns it. Words are unspecified until set.
func (b *Batch) Append() Row {
	at := len(b.words)
	end := at + b.stride
	if end <= cap(b.words) {
		b.words = b.words[:end]
	} else {
		b.words = append(b.words, make([]uint64, b.stride)...)
	}
	return b.words[at:end:end]
}

// AppendRow adds a copy of r, which must have the same columns.
func (b *Batch) AppendRow(r Row) { b.words = append(b.words, r...) }

// As returns the same rows under another schema, which must have the same
// columns. Both batches share memory.
func (b *Batch) As(s *Schema) *Batch { return &Batch{Schema: s, stride: b.stride, words: b.words} }

// Truncate forgets every row from n on.
func (b *Batch) Truncate(n int) { b.words = b.words[:n*b.stride] }

// batchOverhead is the Batch struct itself.
const batchOverhead = 48

// Bytes is the memory the batch holds.
func (b *Batch) Bytes() int64 {
	if b == nil {
		return 0
	}
	return int64(cap(b.words))*8 + batchOverhead
}
