// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"sync"

	"google.golang.org/grpc/mem"
)

// sizes of the buffers that are kept. They lie far apart, as those of gRPC do: a
// buffer is held while one message is decoded, so that there are not many, and most
// messages find one that another left.
var sizes = [...]int{4 << 10, 32 << 10, 1 << 20, 4 << 20, 16 << 20}

// buffers keeps the buffers that messages are put together in. gRPC's own pools
// clear a buffer before each use; what is put together overwrites it.
type buffers struct {
	pools [len(sizes)]sync.Pool
}

var _ mem.BufferPool = (*buffers)(nil)

// Get implements mem.BufferPool. What is in the buffer is of an earlier message.
func (b *buffers) Get(length int) *[]byte {
	for i, size := range sizes {
		if length > size {
			continue
		}
		buf, ok := b.pools[i].Get().(*[]byte)
		if !ok {
			made := make([]byte, size)
			buf = &made
		}
		*buf = (*buf)[:length]
		return buf
	}
	buf := make([]byte, length)
	return &buf
}

// Put implements mem.BufferPool.
func (b *buffers) Put(buf *[]byte) {
	for i, size := range sizes {
		if cap(*buf) == size {
			b.pools[i].Put(buf)
		}
	}
}
