// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"iter"
	"math/bits"
	"slices"
	"sync/atomic"
)

// entry counts the series of a cell or a tenant. That of a metric only holds its name.
type entry struct {
	key    uint64 // of a free entry: where the next free one is
	series atomic.Uint32
	state  atomic.Uint32 // flags and a number
}

const (
	inUse     = 1 << 31
	announced = 1 << 30
	maxExtra  = announced - 1
)

func (e *entry) inUse() bool    { return e.state.Load()&inUse != 0 }
func (e *entry) extra() uint32  { return e.state.Load() & maxExtra }
func (e *entry) tenant() uint32 { return uint32(e.key >> 32) }
func (e *entry) metric() uint32 { return uint32(e.key) }

func (e *entry) setExtra(n uint32) {
	n = min(n, maxExtra)
	for old := e.state.Load(); old&maxExtra != n; old = e.state.Load() {
		if e.state.CompareAndSwap(old, old&^maxExtra|n) {
			return
		}
	}
}

// announce returns true for the first call.
func (e *entry) announce() bool { return e.state.Or(announced)&announced == 0 }

const pageSize = 256

// directory finds entries by key. Entries keep their position and their address for as
// long as they are in use; free positions are used again.
//
// An entry takes 16 bytes, and its position in the index 5 to 6. Methods that change a
// directory need its owner's lock for writing, all others for reading.
type directory struct {
	pages []*[pageSize]entry
	used  uint32
	next  uint32 // the first position that was never used
	free  uint32 // a free position plus one, zero if there is none

	// index has positions plus one at the homes of their keys or soon after.
	index []uint32
}

func (d *directory) at(position uint32) *entry {
	return &d.pages[position/pageSize][position%pageSize]
}

// home is where in the index to look for a key first.
func (d *directory) home(key uint64) uint32 {
	high, low := bits.Mul64(key^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	slot, _ := bits.Mul64((high^low)*0x9e3779b97f4a7c15, uint64(len(d.index)))
	return uint32(slot)
}

// find returns nil if the key has no entry.
func (d *directory) find(key uint64) (uint32, *entry) {
	if len(d.index) == 0 {
		return 0, nil
	}
	for i := d.home(key); d.index[i] != 0; i = d.after(i) {
		position := d.index[i] - 1
		if e := d.at(position); e.key == key {
			return position, e
		}
	}
	return 0, nil
}

func (d *directory) after(i uint32) uint32 {
	if i++; i < uint32(len(d.index)) {
		return i
	}
	return 0
}

// add makes an entry for a key that has none.
func (d *directory) add(key uint64) (uint32, *entry) {
	d.grow(1)
	position := d.next
	if d.free != 0 {
		position = d.free - 1
		d.free = uint32(d.at(position).key)
	} else {
		d.next++
		if int(position/pageSize) == len(d.pages) {
			d.pages = append(d.pages, new([pageSize]entry))
		}
	}
	e := d.at(position)
	e.key = key
	e.series.Store(0)
	e.state.Store(inUse)
	d.used++
	d.enter(position)
	return position, e
}

// grow makes room in the index for n more entries at once: it is at most three quarters
// full.
func (d *directory) grow(n uint32) {
	if need := int(d.used + n); need*4 > len(d.index)*3 {
		d.reindex(need*3/2 + 8)
	}
}

func (d *directory) enter(position uint32) {
	i := d.home(d.at(position).key)
	for d.index[i] != 0 {
		i = d.after(i)
	}
	d.index[i] = position + 1
}

// remove makes a position free.
func (d *directory) remove(position uint32) {
	e := d.at(position)
	hole := d.home(e.key)
	for d.index[hole] != position+1 {
		hole = d.after(hole)
	}
	// Close the hole with what would not be found beyond it.
	size := uint32(len(d.index))
	for i := d.after(hole); d.index[i] != 0; i = d.after(i) {
		home := d.home(d.at(d.index[i] - 1).key)
		if (i+size-home)%size >= (i+size-hole)%size {
			d.index[hole] = d.index[i]
			hole = i
		}
	}
	d.index[hole] = 0
	e.state.Store(0)
	e.key = uint64(d.free)
	d.free = position + 1
	d.used--
}

// trim gives memory back if most of it is unused.
func (d *directory) trim() {
	if d.next <= pageSize || d.used > d.next/4 {
		return
	}
	for d.next > 0 && !d.at(d.next-1).inUse() {
		d.next--
	}
	d.free = 0
	for position := d.next; position > 0; position-- { // low positions are to be used first
		if e := d.at(position - 1); !e.inUse() {
			e.key = uint64(d.free)
			d.free = position
		}
	}
	d.pages = slices.Clone(d.pages[:(d.next+pageSize-1)/pageSize])
	d.reindex(int(d.used)*3/2 + 8)
}

func (d *directory) reindex(size int) {
	d.index = slices.Grow([]uint32(nil), size)
	d.index = d.index[:cap(d.index)] // as much as the allocator gives anyway
	clear(d.index)
	for position := range d.all() {
		d.enter(position)
	}
}

// all returns the entries in use by position.
func (d *directory) all() iter.Seq2[uint32, *entry] {
	return func(yield func(uint32, *entry) bool) {
		for position := range d.next {
			if e := d.at(position); e.inUse() && !yield(position, e) {
				return
			}
		}
	}
}
