// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"math/bits"
	"sync"

	"google.golang.org/grpc/mem"
)

// buffers keeps the buffers that messages are put together in. gRPC's own pools are wider,
// 1 MB above 32 KB, and clear a buffer before each use; what is put together overwrites it.
type buffers struct {
	pools [largest - smallest + 1]sync.Pool // by powers of two
}

// The sizes that are kept, from 4 KB to 16 MB, as powers of two.
const smallest, largest = 12, 24

var _ mem.BufferPool = (*buffers)(nil)

// Get implements mem.BufferPool. What is in the buffer is of an earlier message.
func (b *buffers) Get(length int) *[]byte {
	tier := max(bits.Len(uint(max(length, 1)-1)), smallest)
	if tier > largest {
		buf := make([]byte, length)
		return &buf
	}
	buf, ok := b.pools[tier-smallest].Get().(*[]byte)
	if !ok {
		made := make([]byte, 1<<tier)
		buf = &made
	}
	*buf = (*buf)[:length]
	return buf
}

// Put implements mem.BufferPool.
func (b *buffers) Put(buf *[]byte) {
	tier := bits.Len(uint(cap(*buf))) - 1
	if tier >= smallest && tier <= largest && cap(*buf) == 1<<tier {
		b.pools[tier-smallest].Put(buf)
	}
}
