// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cells

// Cell is a worker-local counter: a plain number that only its owner touches, published by Flush.
// The zero Cell counts into nothing. A Cell must not be shared between goroutines.
type Cell struct {
	pending int64
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

// Flush publishes what was added since the last Flush. It touches shared memory only if there is something
// to publish.
func (c *Cell) Flush() {
	if c.pending == 0 {
		return
	}
	c.to.Add(c.pending)
	c.pending = 0
}
