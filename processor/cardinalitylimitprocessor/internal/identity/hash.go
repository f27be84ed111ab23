// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	cryptorand "crypto/rand"
	"math/bits"
	"math/rand/v2"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Seed is the secret that fingerprints depend on. Those of one Seed agree in every process,
// on every machine and after a restart; those of two Seeds have nothing in common.
//
// It protects against prepared input: without it nobody can tell which series collide, and
// so nobody can hide a series behind another one or crowd one place of a table. Who reads
// the Seed can do both. Who sees many fingerprints of series of his choice may find it out,
// as no fast hash resists that. So keep Seed and fingerprints as safe as a credential.
type Seed [32]byte

// NewSeed returns a Seed from the random source of the system.
func NewSeed() (s Seed) {
	_, _ = cryptorand.Read(s[:]) // never fails: the process ends if there is no randomness
	return s
}

// Hasher makes fingerprints. All fingerprints that are compared with each other must come
// from Hashers of one Seed. A Hasher may be used by many goroutines at once.
type Hasher struct {
	text, key, value lane
	number           [2]uint64
}

// lane is the secret of one use of text. Every use has its own, so that equal text as a
// name, as a key and as a value has three hashes that are not related.
type lane [6]uint64

// New returns the Hasher of a Seed.
func New(seed Seed) *Hasher {
	h := &Hasher{}
	h.Reset(seed)
	return h
}

// Reset makes h the Hasher of another Seed. Nobody may use h meanwhile.
func (h *Hasher) Reset(seed Seed) {
	// The stream of ChaCha8 is specified and does not depend on the release of Go, and
	// its words look random whatever the seed is: https://c2sp.org/chacha8rand
	words := rand.NewChaCha8(seed)
	for _, secret := range [][]uint64{h.text[:], h.key[:], h.value[:], h.number[:]} {
		for i := range secret {
			secret[i] = words.Uint64()
		}
	}
}

// Text returns the fingerprint of a name. Two of n texts collide with a probability of
// about n*n/2^64.
func (h *Hasher) Text(s string) uint64 {
	return fold(h.text.absorb(s), h.number[0])
}

// fold puts the halves of a 128-bit product together. A factor of zero makes the other one
// irrelevant, so whatever a sender chooses goes in hidden behind a word that he does not
// know: a secret one, or a product that a secret one is part of. To bring about a zero is
// then to guess 64 bits, one guess for 8 bytes sent.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// Mix spreads every bit of w over all bits of the result. It has no secret and maps
// different words to different words.
func Mix(w uint64) uint64 {
	w = (w ^ w>>32) * 0xd6e8feb86659fd93
	w = (w ^ w>>29) * 0x9fb21c651e98df25
	return w ^ w>>32
}

// absorb reduces text to one word, which is unpredictable but needs another fold before
// all of its bits are evenly spread.
//
// Overlapping loads make one view of texts of several lengths, hence the length counts
// too. It comes in behind the product: in front of it, a difference of the text could undo
// a difference of the length under every seed.
func (k *lane) absorb(s string) uint64 {
	n := len(s)
	switch {
	case n > 32:
		return k.long(s)
	case n > 16: // most keys and values: here rather than a call away, and no product waits for the other
		return fold(word64(s)^k[0], word64(s[8:])^k[1]) ^ fold(word64(s[n-16:])^k[2], word64(s[n-8:])^k[3]) ^ uint64(n)
	case n >= 8:
		return fold(word64(s)^k[0], word64(s[n-8:])^k[1]) ^ uint64(n)
	case n >= 4:
		return fold(word32(s)^k[0], word32(s[n-4:])^k[1]) ^ uint64(n)
	case n > 0:
		w := uint64(s[0]) | uint64(s[n>>1])<<8 | uint64(s[n-1])<<16
		return fold(w^k[0], k[1]) ^ uint64(n)
	default:
		return fold(k[0], k[1])
	}
}

// long takes 48 bytes at a time, then 16, and at the end the last 16, some of which it may
// have seen already. Each block goes into a product with all that came before it.
func (k *lane) long(s string) uint64 {
	n, state, last := uint64(len(s)), k[1], s[len(s)-16:]
	if len(s) > 48 {
		second, third := k[2], k[3] // three products at once, as none waits for another
		for ; len(s) > 48; s = s[48:] {
			state = fold(word64(s)^k[0], word64(s[8:])^state)
			second = fold(word64(s[16:])^k[4], word64(s[24:])^second)
			third = fold(word64(s[32:])^k[5], word64(s[40:])^third)
		}
		state ^= second ^ third
	}
	for ; len(s) > 16; s = s[16:] {
		state = fold(word64(s)^k[0], word64(s[8:])^state)
	}
	return fold(word64(last)^k[0], word64(last[8:])^state) ^ n
}

// bytes does for bytes what absorb does for text, 16 at a time. pdata shows them one by one
// only, and a copy would be an allocation of whatever size the sender likes. Eight reads
// become one load: the condition of the loop spares the compiler the checks between them.
func (k *lane) bytes(b pcommon.ByteSlice) uint64 {
	n, state := b.Len(), k[1]
	for i := 0; i <= n-16; i += 16 {
		v := uint64(b.At(i)) | uint64(b.At(i+1))<<8 | uint64(b.At(i+2))<<16 | uint64(b.At(i+3))<<24 |
			uint64(b.At(i+4))<<32 | uint64(b.At(i+5))<<40 | uint64(b.At(i+6))<<48 | uint64(b.At(i+7))<<56
		w := uint64(b.At(i+8)) | uint64(b.At(i+9))<<8 | uint64(b.At(i+10))<<16 | uint64(b.At(i+11))<<24 |
			uint64(b.At(i+12))<<32 | uint64(b.At(i+13))<<40 | uint64(b.At(i+14))<<48 | uint64(b.At(i+15))<<56
		state = fold(v^k[0], w^state)
	}
	var v, w uint64 // up to 15 more, of which v takes those that w has no room for
	for i := n &^ 15; i < n; i++ {
		v, w = v<<8|w>>56, w<<8|uint64(b.At(i))
	}
	return fold(v^k[2], w^state) ^ uint64(n)
}

// word64 and word32 become one load each: the compiler knows the pattern.

func word64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func word32(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
