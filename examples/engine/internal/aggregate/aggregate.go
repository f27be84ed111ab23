// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package aggregate keeps sum, count, minimum and maximum per key and pane.
package aggregate

import "math"

// Result is what one key of one pane adds up to.
type Result struct {
	Key   int
	Count int64
	Sum   float64
	Min   float64
	Max   float64
}

// Mean is the average value.
func (r Result) Mean() float64 { return r.Sum / float64(r.Count) }

// Panes holds the aggregates of several panes. Panes and keys are small
// integers, such as window slots and interned symbols; memory is kept for
// reuse, so a steady stream allocates nothing.
//
// Panes belongs to one goroutine.
type Panes struct {
	lane  []int32 // by key: its dense number, plus one; 0 is unknown
	keys  []int   // by dense number
	panes []pane
	bytes int64
}

type pane struct {
	cells []cell  // by dense key number
	used  []int32 // dense numbers with a count, in order of first use
}

type cell struct {
	count         int64
	sum, min, max float64
}

// Add puts one value of key into a pane.
func (a *Panes) Add(paneSlot, key int, v float64) {
	for len(a.panes) <= paneSlot {
		a.panes = append(a.panes, pane{})
	}
	n := a.dense(key)
	p := &a.panes[paneSlot]
	if n >= len(p.cells) {
		p.cells = append(p.cells, make([]cell, len(a.keys)-len(p.cells))...)
		a.resize()
	}
	c := &p.cells[n]
	if c.count == 0 {
		*c = cell{min: math.Inf(1), max: math.Inf(-1)}
		p.used = append(p.used, int32(n))
	}
	c.count++
	c.sum += v
	c.min = min(c.min, v)
	c.max = max(c.max, v)
}

// Take calls yield for each key of a pane in order of first use, then empties the pane.
func (a *Panes) Take(paneSlot int, yield func(Result)) {
	if paneSlot >= len(a.panes) {
		return
	}
	p := &a.panes[paneSlot]
	for _, n := range p.used {
		c := &p.cells[n]
		yield(Result{Key: a.keys[n], Count: c.count, Sum: c.sum, Min: c.min, Max: c.max})
		c.count = 0
	}
	p.used = p.used[:0]
}

// dense maps a key to a number without gaps, so panes stay small when keys are sparse.
func (a *Panes) dense(key int) int {
	if key >= len(a.lane) {
		a.lane = append(a.lane, make([]int32, key+1-len(a.lane))...)
	}
	if n := a.lane[key]; n != 0 {
		return int(n) - 1
	}
	a.keys = append(a.keys, key)
	a.lane[key] = int32(len(a.keys))
	return len(a.keys) - 1
}

// Bytes is the memory held for all panes.
func (a *Panes) Bytes() int64 { return a.bytes }

func (a *Panes) resize() {
	const cellBytes, usedBytes, laneBytes, keyBytes = 32, 4, 4, 8
	a.bytes = int64(cap(a.lane))*laneBytes + int64(cap(a.keys))*keyBytes
	for _, p := range a.panes {
		a.bytes += int64(cap(p.cells))*cellBytes + int64(cap(p.used))*usedBytes
	}
}
