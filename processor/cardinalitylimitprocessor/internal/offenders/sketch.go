// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import (
	"math"
	"math/bits"
)

const (
	precision    = 10
	registers    = 1 << precision
	maxRank      = 64 - precision + 1
	sketchWords  = registers / 8 // a register is one byte of a word
	sparseHashes = sketchWords / 2
)

// Sketch estimates how many distinct hashes it was given. Up to 64 it counts them
// exactly, beyond that it is a HyperLogLog with 1024 registers, whose standard error is
// 3.25 %. It takes at most 1 KB, is empty as a zero value and not safe for concurrent use.
//
// Hashes must be well mixed: every bit is used as it is. An insertion takes a few
// nanoseconds, an estimate about a microsecond.
type Sketch struct {
	// words is an open-addressing set of hashes at most half full (zero is an empty
	// slot), or, once dense, the registers, eight to a word. Both fit the same memory.
	words []uint64
	count int // hashes in the set
	dense bool
}

// Insert adds one hash. It returns false if that did not change the sketch, as for every
// hash that was inserted before.
func (s *Sketch) Insert(hash uint64) bool {
	if s.dense {
		return s.raise(hash)
	}
	return s.remember(hash)
}

// Estimate returns the number of distinct hashes inserted.
func (s *Sketch) Estimate() int {
	if !s.dense {
		return s.count
	}
	return int(math.Round(s.dispersed()))
}

// Merge makes s the sketch of all hashes that were inserted into s or o. It leaves o as it is.
func (s *Sketch) Merge(o *Sketch) {
	if !o.dense {
		for _, hash := range o.words {
			if hash != 0 {
				s.Insert(hash)
			}
		}
		return
	}
	if !s.dense {
		s.densify()
	}
	for i, theirs := range o.words {
		s.words[i] = greater(s.words[i], theirs)
	}
}

// CopyFrom makes s equal to o. It leaves o as it is.
func (s *Sketch) CopyFrom(o *Sketch) {
	if len(s.words) < len(o.words) {
		s.words = make([]uint64, len(o.words))
	}
	s.words = s.words[:len(o.words)]
	copy(s.words, o.words)
	s.count, s.dense = o.count, o.dense
}

// Reset empties the sketch and keeps its memory.
func (s *Sketch) Reset() {
	clear(s.words)
	s.count, s.dense = 0, false
}

// Bytes returns the memory held beyond the struct itself.
func (s *Sketch) Bytes() int { return cap(s.words) * 8 }

// remember adds a hash to the set, which turns into registers when it is full.
func (s *Sketch) remember(hash uint64) bool {
	if hash == 0 { // means "empty" in the set
		hash = 1
	}
	if len(s.words) == 0 {
		s.words = make([]uint64, 8)
	}
	at, known := s.slot(hash)
	if known {
		return false
	}
	if (s.count+1)*2 > len(s.words) {
		if s.count == sparseHashes {
			s.densify()
			return s.raise(hash)
		}
		s.grow()
		at, _ = s.slot(hash)
	}
	s.words[at] = hash
	s.count++
	return true
}

// slot returns where a hash is, or where it belongs.
func (s *Sketch) slot(hash uint64) (at uint64, known bool) {
	mask := uint64(len(s.words) - 1)
	for at = hash & mask; s.words[at] != 0; at = (at + 1) & mask {
		if s.words[at] == hash {
			return at, true
		}
	}
	return at, false
}

func (s *Sketch) grow() {
	old := s.words
	s.words = make([]uint64, 2*len(old))
	for _, hash := range old {
		if hash != 0 {
			at, _ := s.slot(hash)
			s.words[at] = hash
		}
	}
}

// densify turns the set into registers, in place if the set has its full size.
func (s *Sketch) densify() {
	var hashes [sparseHashes]uint64
	n := 0
	for _, hash := range s.words {
		if hash != 0 {
			hashes[n] = hash
			n++
		}
	}
	if len(s.words) == sketchWords {
		clear(s.words)
	} else {
		s.words = make([]uint64, sketchWords)
	}
	s.dense, s.count = true, 0
	for _, hash := range hashes[:n] {
		s.raise(hash)
	}
}

// raise notes how many leading zeros the hash has behind the bits that choose its register.
func (s *Sketch) raise(hash uint64) bool {
	register := hash >> (64 - precision)
	rank := uint64(bits.LeadingZeros64(hash<<precision|1<<(precision-1))) + 1
	word, shift := &s.words[register/8], register%8*8
	if *word>>shift&0xff >= rank {
		return false
	}
	*word = *word&^(0xff<<shift) | rank<<shift
	return true
}

// greater returns the byte-wise maximum of two words of registers.
func greater(a, b uint64) uint64 {
	var m uint64
	for shift := 0; shift < 64; shift += 8 {
		m |= max(a>>shift&0xff, b>>shift&0xff) << shift
	}
	return m
}

// dispersed is the improved raw estimator of O. Ertl, "New cardinality estimation
// algorithms for HyperLogLog sketches" (2017), section 3: one formula over the whole
// range, a thousandth too high at most, so no switch between formulas makes a verdict jump.
func (s *Sketch) dispersed() float64 {
	var ranks [maxRank + 1]int // how many registers hold each rank
	for _, word := range s.words {
		for range 8 {
			ranks[word&0xff]++
			word >>= 8
		}
	}
	const m = float64(registers)
	z := m * tau(1-float64(ranks[maxRank])/m)
	for k := maxRank - 1; k >= 1; k-- {
		z = 0.5 * (z + float64(ranks[k]))
	}
	z += m * sigma(float64(ranks[0])/m)
	return m * m / (2 * math.Ln2 * z)
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for last := math.NaN(); z != last; {
		x *= x
		last = z
		z += x * y
		y += y
	}
	return z
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for last := math.NaN(); z != last; {
		x = math.Sqrt(x)
		last = z
		y *= 0.5
		z -= (1 - x) * (1 - x) * y
	}
	return z / 3
}
