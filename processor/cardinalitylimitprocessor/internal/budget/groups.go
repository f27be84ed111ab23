// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

func (s *shard) line(group uint32) *[lineSize]byte {
	return (*[lineSize]byte)(s.mem[group*lineSize:])
}

// passed is the counter of the series that passed over a group.
func (s *shard) passed(group uint32) byte { return s.mem[s.groups*lineSize+group] }

// counterBytes is what the counters of groups take: whole words, which nothing else shares.
func counterBytes(groups uint32) uint32 { return (groups + 7) &^ 7 }

// column is where the position of a slot's cell begins.
func (s *shard) column(group, slot uint32) uint32 {
	return s.groups*lineSize + counterBytes(s.groups) + (group*groupSize+slot)*s.width
}

func (s *shard) position(group, slot uint32) uint32 {
	at := s.column(group, slot)
	return lastBytes(s.mem[:at+s.width], int(s.width))
}

// lastBytes reads a number of one to four bytes from the end of at least four.
func lastBytes(b []byte, width int) uint32 {
	return binary.LittleEndian.Uint32(b[len(b)-4:]) >> (32 - 8*width)
}

func (s *shard) after(group uint32) uint32 {
	if group++; group < s.groups {
		return group
	}
	return 0
}

func (s *shard) home(series uint64) uint32 {
	group, _ := bits.Mul64(series<<8, uint64(s.groups))
	return uint32(group)
}

// find returns false if the series is not there.
func (s *shard) find(series uint64) (group, slot uint32, ok bool) {
	tags := series & 0xff * allBytes
	group = s.home(series)
	for range s.groups {
		line := s.line(group)
		x := binary.LittleEndian.Uint64(line[8:]) ^ tags
		// The upper bit of each byte that is zero in x and of an occupied slot.
		same := ^((x&^highBits + ^uint64(highBits)) | x) & binary.LittleEndian.Uint64(line[:]) & highBits
		for ; same != 0; same &= same - 1 {
			slot = uint32(bits.TrailingZeros64(same)) / 8
			if binary.LittleEndian.Uint64(line[14+6*slot:])>>16 == series>>8 {
				return group, slot, true
			}
		}
		if s.passed(group) == 0 {
			break
		}
		group = s.after(group)
	}
	return 0, 0, false
}

// series returns what is in an occupied slot.
func (s *shard) series(group, slot uint32) uint64 {
	line := s.line(group)
	return binary.LittleEndian.Uint64(line[14+6*slot:])>>16<<8 | uint64(line[8+slot])
}

// place needs a free slot.
func (s *shard) place(series uint64, position uint32, meta byte) {
	s.begin()
	defer s.end()
	for group := s.home(series); ; group = s.after(group) {
		line := s.line(group)
		free := ^binary.LittleEndian.Uint64(line[:]) & highBits
		if free == 0 {
			if n := s.passed(group); n < 255 {
				s.setPassed(group, n+1)
			}
			continue
		}
		slot := uint32(bits.TrailingZeros64(free)) / 8
		s.setSlot(group, slot, series, meta)
		column := s.column(group, slot)
		for i := range s.width {
			s.mem[column+i] = byte(position >> (8 * i))
		}
		s.used++
		return
	}
}

func (s *shard) remove(group, slot uint32) {
	s.begin()
	defer s.end()
	for at := s.home(s.series(group, slot)); at != group; at = s.after(at) {
		if n := s.passed(at); n < 255 {
			s.setPassed(at, n-1)
		}
	}
	s.setMeta(group, slot, 0)
	s.used--
}

// full reports whether the groups are too few for n series.
func (s *shard) full(n uint32) bool { return n*10 > s.groups*groupSize*9 }

// sizeFor returns how many groups n series should have: an eighth more than they need.
func (s *shard) sizeFor(n uint32) uint32 {
	need := (n*10 + groupSize*9 - 1) / (groupSize * 9)
	return need + need/8
}

func widthOf(position uint32) uint32 { return max(uint32(bits.Len32(position)+7)/8, 1) }

// rebuild moves all series to at least as many groups, which must be enough. They cannot be
// found without the lock until they are published.
func (s *shard) rebuild(groups, width uint32) {
	s.hide()
	old := shard{mem: s.mem, groups: s.groups, width: s.width}
	s.mem, s.groups, s.used, s.width = nil, 0, 0, width
	if groups == 0 {
		return
	}
	const spare = 7 // of counters, at most
	perGroup := lineSize + 1 + groupSize*width
	mem := slices.Grow([]byte(nil), int(groups*perGroup+spare))
	s.mem = mem[:cap(mem)] // as much as the allocator gives anyway
	clear(s.mem)
	s.groups = (uint32(len(s.mem)) - spare) / perGroup
	for group := range old.groups {
		meta := old.line(group)
		for rest := binary.LittleEndian.Uint64(meta[:]) & highBits; rest != 0; rest &= rest - 1 {
			slot := uint32(bits.TrailingZeros64(rest)) / 8
			s.place(old.series(group, slot), old.position(group, slot), meta[slot])
		}
	}
}
