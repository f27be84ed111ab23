// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"
)

// A snapshot is, all numbers little endian:
//
//	1 byte   version
//	for each shard:
//	  4 bytes  number of series
//	  1 byte   width of a position
//	  series:  7 bytes remainder, 1 byte age in Ticks, position of its cell
//	tenants and metrics, each:
//	  4 bytes  how many
//	  8 bytes  fingerprint, each
//	cells:
//	  4 bytes  how many
//	  uvarints position of tenant plus one (zero: no cell, and nothing follows),
//	           position of metric, limit
//	4 bytes  CRC-32C of all before
const snapshotVersion = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append appends a snapshot of the table to dst: about 9 bytes per series, one or two more
// if there are hundreds or ten thousands of metrics of tenants, and 5 bytes for each of
// those. Ages are relative to the newest series, so that the time until the snapshot is
// loaded does not count.
//
// Each shard is copied on its own: the snapshot has every series that was there all the
// time while Append ran, of others it may have some. Sweep does nothing meanwhile.
func (t *Table) Append(dst []byte) []byte {
	t.sweeping.Lock() // positions of cells keep their meaning
	defer t.sweeping.Unlock()
	start, now := len(dst), Tick(t.swept.Load())
	size := 0
	for i := range t.shards {
		newest, n := t.shards[i].extent()
		now = max(now, newest)
		size += n
	}
	dst = slices.Grow(dst, size+size/64+t.directorySize())
	dst = append(dst, snapshotVersion)
	for i := range t.shards {
		dst = t.shards[i].appendTo(dst, now)
	}
	dst = t.appendDirectories(dst) // after the series: these may be of cells that are new
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// extent returns when any series was last seen and the bytes that appendTo will append.
func (s *shard) extent() (newest Tick, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used == 0 {
		return 0, shardHeader
	}
	return s.newest, shardHeader + int(s.used*(8+s.width))
}

const shardHeader = 4 + 1

func (s *shard) appendTo(dst []byte, now Tick) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	dst = binary.LittleEndian.AppendUint32(dst, s.used)
	dst = append(dst, byte(s.width))
	for group := range s.groups {
		line := s.line(group)
		for rest := binary.LittleEndian.Uint64(line[:]) & highBits; rest != 0; rest &= rest - 1 {
			slot := uint32(bits.TrailingZeros64(rest)) / 8
			age := uint64(max(now-s.seen(line[slot]), 0))
			dst = binary.LittleEndian.AppendUint64(dst, s.series(group, slot)|min(age, math.MaxUint8)<<56)
			column := s.column(group, slot)
			dst = append(dst, s.mem[column:column+s.width]...)
		}
	}
	return dst
}

// directorySize is about what appendDirectories will append.
func (t *Table) directorySize() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return 64 + int(t.tenants.next+t.metrics.next+t.cells.next)*8
}

func (t *Table) appendDirectories(dst []byte) []byte {
	t.mu.RLock()
	defer t.mu.RUnlock()
	dst = t.tenants.appendKeys(dst)
	dst = t.metrics.appendKeys(dst)
	dst = binary.LittleEndian.AppendUint32(dst, t.cells.next)
	for position := range t.cells.next {
		cell := t.cells.at(position)
		if !cell.inUse() {
			dst = append(dst, 0)
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(cell.tenant())+1)
		dst = binary.AppendUvarint(dst, uint64(cell.metric()))
		dst = binary.AppendUvarint(dst, uint64(cell.extra()))
	}
	return dst
}

// appendKeys also appends what is at free positions: no cell refers to it.
func (d *directory) appendKeys(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, d.next)
	for position := range d.next {
		dst = binary.LittleEndian.AppendUint64(dst, d.at(position).key)
	}
	return dst
}
