// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// A hash that reads texts by overlapping loads and puts their length next to what it read
// has texts that collide under every seed: a difference of the text undoes the difference
// of the length. The texts here do so for a length that is put in as n times factor.
func TestNoTextsCollideUnderEverySeed(t *testing.T) {
	h := New(NewSeed())
	check := func(name, a, b string) {
		t.Helper()
		if h.Text(a) == h.Text(b) {
			t.Errorf("%s: %q and %q collide", name, a, b)
		}
		if h.key.absorb(a) == h.key.absorb(b) || h.value.absorb(a) == h.value.absorb(b) {
			t.Errorf("%s: %q and %q collide as keys or values", name, a, b)
		}
	}
	for _, factor := range []uint64{1, 8, tagEmpty, left, right, origin} {
		for n := 8; n < 16; n++ {
			name := fmt.Sprintf("factor %#x, lengths %d and %d", factor, n, n+1)
			a, b := lengthInLastWord(n, factor)
			check(name, a, b)
			a, b = lengthInFirstWord(n, factor)
			check(name, a, b)
		}
		a, b := lengthInState(factor)
		check(fmt.Sprintf("factor %#x, lengths 17 and 18", factor), a, b)
	}
}

// lengthInLastWord returns texts of n and n+1 bytes that agree in the first 8 bytes, and in
// the last 8 bytes but for what the lengths differ in.
func lengthInLastWord(n int, factor uint64) (short, long string) {
	s, l, d := make([]byte, n), make([]byte, n+1), difference(n, factor)
	for j := range l {
		x := byte('a' + j)
		if j >= n-7 {
			x = s[j-1] ^ d[j-(n-7)]
		}
		l[j] = x
		if j < 8 {
			s[j] = x
		} else if j < n {
			s[j] = byte('a' + j)
		}
	}
	return string(s), string(l)
}

// lengthInFirstWord returns texts of n and n+1 bytes that agree in the last 8 bytes, and in
// the first 8 bytes but for what the lengths differ in.
func lengthInFirstWord(n int, factor uint64) (short, long string) {
	s, l, d := make([]byte, n), make([]byte, n+1), difference(n, factor)
	for j := range l {
		if j < n {
			s[j] = byte('a' + j)
		}
		if j >= n-7 {
			l[j] = s[j-1]
			if j < 8 {
				s[j] = l[j] ^ d[j]
			}
		} else {
			l[j] = s[j] ^ d[j]
		}
	}
	return string(s), string(l)
}

// lengthInState returns texts of 17 and 18 bytes that agree in the last 16 bytes, and in
// the first 16 but for what the lengths differ in.
func lengthInState(factor uint64) (short, long string) {
	s, l, d := make([]byte, 17), make([]byte, 18), difference(17, factor)
	s[0], s[1] = 'a', 'b'
	for j := 2; j < 8; j++ {
		s[j] = s[j-1]
	}
	for j := 8; j < 16; j++ {
		s[j] = s[j-1] ^ d[j-8]
	}
	s[16] = 'z'
	copy(l[2:], s[1:])
	copy(l, s[:2])
	return string(s), string(l)
}

// difference is what n and n+1 differ in when each is multiplied by factor.
func difference(n int, factor uint64) (d [8]byte) {
	binary.LittleEndian.PutUint64(d[:], uint64(n)*factor^uint64(n+1)*factor)
	return d
}
