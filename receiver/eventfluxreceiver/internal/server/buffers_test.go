// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestBuffersHaveTheLengthThatIsAskedFor(t *testing.T) {
	var b buffers
	for range 2 { // for the second time they may be used ones
		for _, c := range []struct{ length, capacity int }{
			{0, 4 << 10},
			{1, 4 << 10},
			{4 << 10, 4 << 10},
			{4<<10 + 1, 32 << 10},
			{60_000, 1 << 20},
			{1<<20 + 1, 4 << 20},
			{16 << 20, 16 << 20},
			{16<<20 + 1, 16<<20 + 1},
		} {
			buf := b.Get(c.length)
			assert.Len(t, *buf, c.length)
			assert.Equal(t, c.capacity, cap(*buf), "of %d bytes", c.length)
			*buf = (*buf)[:c.length/2] // a prefix may come back
			b.Put(buf)
		}
	}
}

func TestBuffersOfOtherSizesAreNotKept(t *testing.T) {
	var b buffers
	odd := make([]byte, 5000)
	b.Put(&odd)
	assert.Equal(t, 4<<10, cap(*b.Get(100)))
	assert.Equal(t, 32<<10, cap(*b.Get(5000)))
}
