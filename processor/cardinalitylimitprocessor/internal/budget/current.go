// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// Nearly every point is of a series that was seen in this Tick before, or of one that is
// refused again and again: nothing has to be noted of either. They are told without the
// lock, so that cores do not pass it back and forth.
//
// Who changes a group holds the lock and makes the sequence number odd meanwhile. Who reads
// without the lock reads whole words, and believes them if the number was even and is the
// same afterwards; whoever doubts asks again with the lock.

// sight is what is seen of a series without the lock.
type sight uint8

const (
	doubtful sight = iota // the lock is needed to tell
	current               // it was seen in this Tick before
	absent                // it has no place
)

// lines is the memory of a shard's groups and, behind them, of their counters, as words.
type lines struct {
	words  []uint64
	groups uint32
}

// noLines are those of a shard without series.
var noLines lines

// littleEndian tells whether words have their bytes in the order in which groups are
// written. On other machines all go with the lock.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

const lineWords = lineSize / 8

// looked is how many groups are looked at without the lock: the home group, and the next
// one, where most of those are that found it full.
const looked = 2

// look tells what there is of a series at the given moment.
func (s *shard) look(series uint64, at Tick) sight {
	sequence := s.sequence.Load()
	l := s.lines.Load()
	if sequence&1 != 0 || l == nil || at-Tick(s.sweptAt.Load()) > clockAhead {
		return doubtful
	}
	seen := l.look(series, clockAt(at))
	if s.sequence.Load() != sequence {
		return doubtful
	}
	return seen
}

// look needs somebody who knows whether anything changed meanwhile.
func (l *lines) look(series uint64, clock byte) sight {
	if l.groups == 0 {
		return absent
	}
	home, _ := bits.Mul64(series<<8, uint64(l.groups))
	group := uint32(home)
	for range looked {
		if meta := l.find(group, series); meta != 0 {
			if meta == clock {
				return current
			}
			return doubtful
		}
		if l.passed(group) == 0 {
			return absent
		}
		if group++; group == l.groups {
			group = 0
		}
	}
	return doubtful
}

// find returns the meta of a series in a group, 0 if it is not there.
func (l *lines) find(group uint32, series uint64) byte {
	line := l.words[group*lineWords:][:lineWords]
	meta, tags := atomic.LoadUint64(&line[0]), atomic.LoadUint64(&line[1])
	x := tags ^ series&0xff*allBytes
	same := ^((x&^highBits + ^uint64(highBits)) | x) & meta & highBits
	for ; same != 0; same &= same - 1 {
		slot := bits.TrailingZeros64(same) / 8
		if rest(line, slot) == series>>8 {
			return byte(meta >> (8 * slot))
		}
	}
	return 0
}

// passed returns the counter of the series that passed over a group.
func (l *lines) passed(group uint32) byte {
	return byte(atomic.LoadUint64(&l.words[l.groups*lineWords+group/8]) >> (group % 8 * 8))
}

// rest reads what a slot holds beside the tag: six bytes, which may lie in two words.
func rest(line []uint64, slot int) uint64 {
	bit := 48 * slot
	word, shift := 2+bit/64, bit%64
	v := atomic.LoadUint64(&line[word]) >> shift
	if shift > 16 {
		v |= atomic.LoadUint64(&line[word+1]) << (64 - shift)
	}
	return v & (1<<48 - 1)
}

// publish lets series be found without the lock. It needs the lock, as all that follows.
func (s *shard) publish() {
	switch {
	case s.public() || !littleEndian:
		return
	case s.groups == 0:
		s.lines.Store(&noLines)
		return
	}
	// An allocation of at least a line begins where a word may, and outlives its words.
	words := unsafe.Slice((*uint64)(unsafe.Pointer(&s.mem[0])), s.groups*lineWords+counterBytes(s.groups)/8) //nolint:gosec // the two views of one memory are what this is about
	s.lines.Store(&lines{words: words, groups: s.groups})
}

// public reports whether somebody may read the groups without the lock.
func (s *shard) public() bool { return s.lines.Load() != nil }

// hide begins a time in which the groups may be changed as a whole.
func (s *shard) hide() {
	s.sequence.Add(1)
	s.lines.Store(nil)
	s.sequence.Add(1)
}

// begin and end enclose a change of a group, if somebody may read it meanwhile.
func (s *shard) begin() {
	if s.public() {
		s.sequence.Add(1)
	}
}

func (s *shard) end() { s.begin() }

// setMeta sets one byte of a group's first word. A reader sees it or does not, and is right
// both times: it needs no new sequence number.
func (s *shard) setMeta(group, slot uint32, meta byte) {
	if !s.public() {
		s.mem[group*lineSize+slot] = meta
		return
	}
	s.setBits(group*lineWords, 8*slot, 8, uint64(meta))
}

// setPassed sets the counter of a group. It needs begin.
func (s *shard) setPassed(group uint32, n byte) {
	if !s.public() {
		s.mem[s.groups*lineSize+group] = n
		return
	}
	s.setBits(s.groups*lineWords+group/8, group%8*8, 8, uint64(n))
}

// setBits sets bits of one word, which must hold all of them.
func (s *shard) setBits(word, shift, size uint32, value uint64) {
	w := &s.lines.Load().words[word]
	mask := uint64(1)<<size - 1
	atomic.StoreUint64(w, *w&^(mask<<shift)|value<<shift)
}

// setSlot fills a free slot, of which nothing is seen until its meta is there. It needs
// begin.
func (s *shard) setSlot(group, slot uint32, series uint64, meta byte) {
	line := s.line(group)
	if !s.public() {
		line[8+slot] = byte(series)
		for i := range uint32(6) {
			line[16+6*slot+i] = byte(series >> (8 + 8*i))
		}
		line[slot] = meta
		return
	}
	first := group * lineWords
	s.setBits(first+1, 8*slot, 8, series&0xff)
	bit := 48 * slot
	word, shift, value := first+2+bit/64, bit%64, series>>8&(1<<48-1)
	if shift <= 16 {
		s.setBits(word, shift, 48, value)
	} else {
		s.setBits(word, shift, 64-shift, value&(1<<(64-shift)-1))
		s.setBits(word+1, 0, shift-16, value>>(64-shift))
	}
	s.setMeta(group, slot, meta)
}
