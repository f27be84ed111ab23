// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	shardCount = 256
	// remainder is what a shard stores of a fingerprint; the other bits choose the shard.
	remainder = 1<<56 - 1
)

// shard is an open-addressing table of groups of eight series. A group is one cache line,
// the shard itself two:
//
//	8 bytes  meta: one per slot, the upper bit tells that it is occupied, the others are
//	         the Tick when the series was last seen, modulo 128
//	8 bytes  tags: the lowest byte of each remainder
//	48 bytes the other six bytes of each remainder
//
// Behind all groups, read only when series come or go, there is a byte per group that
// counts the series whose search passes over it, because they found it full (255 means
// that many or more, for ever), and some bytes to make these whole words; then, per slot, the position of the series' cell, in as
// many bytes as the highest of them takes.
//
// A search starts at the home group and ends where no series passed: neither deleted
// series nor full groups make it longer than it must be.
type shard struct {
	// What is read without the lock is on a cache line of its own.
	lines    atomic.Pointer[lines] // nil: ask with the lock
	sequence atomic.Uint32         // odd while a group is changed
	sweptAt  atomic.Int32          // swept, again
	_        [lineSize - 16]byte

	mu     sync.Mutex
	mem    []byte
	groups uint32
	used   uint32
	width  uint32 // bytes of a position
	swept  Tick
	newest Tick // when any series was last seen
	added  uint64
}

const (
	lineSize  = 64
	groupSize = 8
	occupied  = 0x80
	clockSpan = 128
	// clockAhead is how many Ticks after a sweep series may be seen before the next one
	// must come. The clocks of a shard are then within ticksPerTTL+clockAhead Ticks of
	// each other, and show them apart.
	clockAhead = 64

	allBytes = 0x0101010101010101
	highBits = allBytes * occupied
)

func (t *Table) shard(series uint64) *shard { return &t.shards[series>>56] }

// seen is the Tick that a clock shows.
func (s *shard) seen(meta byte) Tick {
	return s.newest - (s.newest-Tick(meta))&(clockSpan-1)
}

func clockAt(at Tick) byte { return occupied | byte(at&(clockSpan-1)) }

// outdated reports whether the shard must be swept before it can note that a series was
// seen at the given moment.
func (s *shard) outdated(at Tick) bool { return at-s.swept > clockAhead }

// What touch says besides Known and Renewed.
const (
	unknown Verdict = 0xfe
	tooLate Verdict = 0xff // nothing is known of a shard that is outdated
)

// touch notes that a series was seen.
func (s *shard) touch(series uint64, at Tick) Verdict {
	s.mu.Lock()
	v := s.see(series, at)
	s.mu.Unlock()
	return v
}

// see is touch for callers that have the lock.
func (s *shard) see(series uint64, at Tick) Verdict {
	if s.outdated(at) {
		return tooLate
	}
	group, slot, ok := s.find(series)
	if !ok {
		return unknown
	}
	meta := s.mem[group*lineSize+slot]
	if meta == clockAt(at) || at <= s.seen(meta) {
		return Known
	}
	s.setMeta(group, slot, clockAt(at))
	s.newest = max(s.newest, at)
	return Renewed
}

func (s *shard) has(series uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, ok := s.find(series)
	return ok
}

// insert adds a series. It returns false if the series is there already. The shard must
// not be outdated.
func (s *shard) insert(series uint64, position uint32, at Tick) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.put(series, position, at) {
		return false
	}
	s.publish()
	s.added++
	return true
}

func (s *shard) everAdded() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.added
}

// put is insert for callers that have the lock.
func (s *shard) put(series uint64, position uint32, at Tick) bool {
	if _, _, ok := s.find(series); ok {
		return false
	}
	s.grow(1, position)
	s.add(series, position, at)
	return true
}

// add needs a series that is not there, and room for it and for its position.
func (s *shard) add(series uint64, position uint32, at Tick) {
	at = max(at, s.swept-ticksPerTTL) // what is older cannot be told from the future
	if s.used == 0 {
		s.newest = at
	}
	s.newest = max(s.newest, at)
	s.place(series, position, clockAt(at))
}

// release forgets a series and returns the position of its cell, and false if the series
// was not known.
func (s *shard) release(series uint64) (uint32, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	group, slot, ok := s.find(series)
	if !ok {
		return 0, false
	}
	position := s.position(group, slot)
	s.remove(group, slot)
	return position, true
}

// expire forgets every series that was silent for the time to live, and appends the
// positions of their cells to dead.
func (s *shard) expire(at Tick, dead []uint32) []uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at <= s.swept {
		return dead
	}
	s.swept = at
	s.sweptAt.Store(int32(at))
	// Some series may have been seen later than at, so ages count from the newest on. If
	// that itself is too old, so is everything, and clocks may have gone round.
	from := max(at, s.newest)
	oldest := uint64(ticksPerTTL + from - at)
	forgetAll := s.newest < at-ticksPerTTL
	for group := range s.groups {
		meta := binary.LittleEndian.Uint64(s.line(group)[:])
		gone := meta & highBits
		if !forgetAll {
			ages := (uint64(clockAt(from))*allBytes - meta&^highBits) &^ highBits
			gone &= ages + (clockSpan-1-oldest)*allBytes
		}
		for ; gone != 0; gone &= gone - 1 {
			slot := uint32(bits.TrailingZeros64(gone)) / 8
			dead = append(dead, s.position(group, slot))
			s.remove(group, slot)
		}
	}
	if s.groups > 1 && s.used*10 < s.groups*groupSize*4 {
		s.rebuild(s.sizeFor(s.used), s.width)
		s.publish()
	}
	return dead
}

// grow makes room for n more series and for positions up to the highest. It needs the
// lock.
func (s *shard) grow(n int, highest uint32) {
	width, groups := max(widthOf(highest), s.width), s.groups
	if want := s.used + uint32(n); s.full(want) {
		groups = s.sizeFor(want)
	}
	if width > s.width || groups > s.groups {
		s.rebuild(groups, width)
	}
}
