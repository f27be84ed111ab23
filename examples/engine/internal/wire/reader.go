// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"errors"
)

var errCut = errors.New("the data of a batch is cut off or damaged")

// AppendText appends s with its length.
func AppendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// Reader takes values off the front of data, which it shares. Once one is cut off or malformed, Err says so, all
// later values are zero and nothing is left.
type Reader struct {
	data []byte
	err  error
}

// NewReader reads data from its start.
func NewReader(data []byte) *Reader { return &Reader{data: data} }

// Err is nil while every value so far was whole.
func (r *Reader) Err() error { return r.err }

// Rest is what was not read yet.
func (r *Reader) Rest() []byte { return r.data }

// take cuts n bytes off, or nil if there are not as many.
func (r *Reader) take(n uint64) []byte {
	if n > uint64(len(r.data)) {
		r.data, r.err = nil, errCut
		return nil
	}
	head := r.data[:n]
	r.data = r.data[n:]
	return head
}

// Uvarint reads an unsigned number.
func (r *Reader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		v, n = 0, len(r.data)+1
	}
	r.take(uint64(n))
	return v
}

// Varint reads a signed number.
func (r *Reader) Varint() int64 {
	v := r.Uvarint()
	return int64(v>>1) ^ -int64(v&1) // as binary.Varint undoes its zigzag
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if head := r.take(1); head != nil {
		return head[0]
	}
	return 0
}

// Bytes reads what AppendText wrote.
func (r *Reader) Bytes() []byte { return r.take(r.Uvarint()) }
