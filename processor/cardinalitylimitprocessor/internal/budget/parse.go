// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// snapshot is a snapshot taken apart, and found to be consistent.
type snapshot struct {
	rows             [shardCount]rows
	tenants, metrics keys
	cells            []owned
}

// rows are the series of one shard.
type rows struct {
	width int // bytes of a position
	bytes []byte
}

// owned is a cell of a snapshot.
type owned struct {
	tenant uint32 // its position plus one, or zero if there is no cell here
	metric uint32
	limit  uint32
}

// keys are the fingerprints of tenants or metrics.
type keys []byte

func (k keys) len() uint32        { return uint32(len(k) / 8) }
func (k keys) at(i uint32) uint64 { return binary.LittleEndian.Uint64(k[8*i:]) }

func (r rows) len() int { return len(r.bytes) / (8 + r.width) }

func (r rows) at(i int) (series uint64, age uint8, cell uint32) {
	row := r.bytes[i*(8+r.width):][:8+r.width]
	first := binary.LittleEndian.Uint64(row)
	return first & remainder, uint8(first >> 56), lastBytes(row, r.width)
}

var (
	errChecksum = errors.New("its checksum is wrong")
	errShort    = errors.New("it ends too early")
	errLong     = errors.New("it goes on after its end")
)

// parse allocates in proportion to what is there, not to what numbers in it say.
func parse(src []byte) (*snapshot, error) {
	if len(src) < 1+4 {
		return nil, errShort
	}
	if src[0] != snapshotVersion {
		return nil, fmt.Errorf("it is of version %d, want %d", src[0], snapshotVersion)
	}
	body, sum := src[:len(src)-4], binary.LittleEndian.Uint32(src[len(src)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, errChecksum
	}
	s, r := new(snapshot), reader{rest: body[1:]}
	for i := range s.rows {
		n, width := r.number(4), r.number(1)
		if width > 4 {
			r.fail(fmt.Errorf("positions in shard %d have %d bytes, at most 4 are possible", i, width))
		}
		s.rows[i] = rows{width: int(width), bytes: r.bytes(n * (8 + width))}
	}
	s.tenants, s.metrics = r.bytes(8*r.number(4)), r.bytes(8*r.number(4))
	s.cells = r.cells(s.tenants.len(), s.metrics.len())
	if r.err == nil && len(r.rest) > 0 {
		r.err = errLong
	}
	if r.err != nil {
		return nil, r.err
	}
	return s, s.check()
}

// check finds series without a cell.
func (s *snapshot) check() error {
	there := make([]bool, len(s.cells)) // a twelfth of the cells, and so in a cache
	for i := range s.cells {
		there[i] = s.cells[i].tenant != 0
	}
	for shard, rows := range s.rows {
		for i := range rows.len() {
			if _, _, cell := rows.at(i); uint64(cell) >= uint64(len(there)) || !there[cell] {
				return fmt.Errorf("series %d of shard %d belongs to metric %d, which it does not have", i, shard, cell)
			}
		}
	}
	return nil
}

// reader returns nothing once it met an error.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.rest, r.err = nil, err
	}
}

func (r *reader) bytes(n uint64) []byte {
	if uint64(len(r.rest)) < n {
		r.fail(errShort)
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// number reads one of up to eight bytes.
func (r *reader) number(size uint64) (n uint64) {
	for i, b := range r.bytes(size) {
		n |= uint64(b) << (8 * i)
	}
	return n
}

// uvarint fails unless the number is below a bound.
func (r *reader) uvarint(below uint64) uint32 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	if v >= below {
		r.fail(fmt.Errorf("a number in it is %d and must be below %d", v, below))
		return 0
	}
	r.rest = r.rest[n:]
	return uint32(v)
}

func (r *reader) cells(tenants, metrics uint32) []owned {
	n := r.number(4)
	if n > uint64(len(r.rest)) { // each takes a byte at least
		r.fail(errShort)
	}
	if r.err != nil {
		return nil
	}
	cells := make([]owned, n)
	for i := range cells {
		c := &cells[i]
		if c.tenant = r.uvarint(uint64(tenants) + 1); c.tenant > 0 {
			c.metric = r.uvarint(uint64(metrics))
			c.limit = r.uvarint(maxExtra + 1)
		}
	}
	return cells
}
