// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cells

// Cell is a worker-local counter. Its owner adds to it without any synchronisation, and settles it at the end of a
// batch; what is settled may be published by somebody else, while both hold the owner's lock. The zero Cell counts
// into nothing.
type Cell struct {
	pending int64 // the owner's
	settled int64 // under the lock
	to      *Counter
}

// NewCell returns a Cell that publishes into to.
func NewCell(to *Counter) Cell {
	return Cell{to: to}
}

// Add adds n locally. It is one plain addition, with no atomic and no memory barrier.
func (c *Cell) Add(n int64) {
	c.pending += n
}

// Settle makes what was added so far ready to be published.
func (c *Cell) Settle() {
	c.settled += c.pending
	c.pending = 0
}

// Publish adds what is settled to the counter. It touches shared memory only if there is something.
func (c *Cell) Publish() {
	if c.settled == 0 {
		return
	}
	c.to.Add(c.settled)
	c.settled = 0
}
