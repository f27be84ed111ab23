// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package spacesaving finds the heaviest of many keys with a bounded number of counters
// (Space-Saving, Metwally et al. 2005).
package spacesaving

import (
	"cmp"
	"slices"
	"unsafe"
)

// Top finds the heaviest keys. A key is named by a well mixed 64-bit hash; its label is only
// kept to be shown.
//
// With k counters and a total weight of N every count is at most N/k too high and never
// too low, and every key heavier than N/k is present. An update takes O(log k) and, once
// the counters and their labels have grown, allocates nothing. Not safe for concurrent use.
type Top struct {
	capacity int
	write    Writer
	counters []counter
	heap     []uint32 // positions in counters, the lightest first
	// index finds a counter by hash: open addressing, position plus one, zero is empty.
	index []uint32
	total float64
}

// Writer appends what is shown of a label to dst. It must bound what it appends. A nil one
// appends nothing.
type Writer func(dst []byte, hash uint64, label string) []byte

// Heavy is one key of a Top.
type Heavy struct {
	Hash  uint64
	Label string
	// Count is the weight, too high by at most Excess.
	Count, Excess float64
}

type counter struct {
	hash          uint64
	count, excess float64
	label         []byte
	heap          uint32 // position in heap
}

// New returns an empty Top with capacity counters, at least one, which keeps of each
// label what write makes of it.
func New(capacity int, write Writer) *Top {
	if write == nil {
		write = func(dst []byte, _ uint64, _ string) []byte { return dst }
	}
	return &Top{capacity: max(capacity, 1), write: write}
}

// Add gives a key more weight, which must be positive.
func (t *Top) Add(hash uint64, label string, weight float64) {
	t.total += weight
	if at, ok := t.find(hash); ok {
		c := t.index[at] - 1
		t.counters[c].count += weight
		t.sink(t.counters[c].heap)
		return
	}
	if len(t.counters) < t.capacity {
		t.open(hash, label, weight)
		return
	}
	t.replace(hash, label, weight)
}

// Scale multiplies all counts. With a factor of 1/2 once per period, weights decay
// exponentially with that period as half-life; the error bound decays with the total.
func (t *Top) Scale(factor float64) {
	t.total *= factor
	for i := range t.counters {
		t.counters[i].count *= factor
		t.counters[i].excess *= factor
	}
}

// Total returns the weight of all keys, those without a counter included.
func (t *Top) Total() float64 { return t.total }

// Heaviest returns at most n keys, the heaviest first, equal ones by label.
func (t *Top) Heaviest(n int) []Heavy {
	all := make([]Heavy, 0, len(t.counters))
	for i := range t.counters {
		c := &t.counters[i]
		all = append(all, Heavy{Hash: c.hash, Label: string(c.label), Count: c.count, Excess: c.excess})
	}
	slices.SortFunc(all, func(a, b Heavy) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Hash, b.Hash))
	})
	return all[:min(max(n, 0), len(all))]
}

// Bytes returns the memory held, labels included.
func (t *Top) Bytes() int {
	n := int(unsafe.Sizeof(*t)) + cap(t.counters)*int(unsafe.Sizeof(counter{})) + (cap(t.heap)+cap(t.index))*4
	for i := range t.counters {
		n += cap(t.counters[i].label)
	}
	return n
}

// open gives a key a counter of its own.
func (t *Top) open(hash uint64, label string, weight float64) {
	if (len(t.counters)+1)*2 > len(t.index) {
		t.reindex(max(8, 2*len(t.index)))
	}
	c := uint32(len(t.counters))
	t.counters = append(t.counters, counter{
		hash: hash, count: weight, label: t.write(nil, hash, label), heap: uint32(len(t.heap)),
	})
	t.heap = append(t.heap, c)
	at, _ := t.find(hash)
	t.index[at] = c + 1
	t.rise(t.counters[c].heap)
}

// replace gives the lightest counter to a key, which inherits its count as excess.
func (t *Top) replace(hash uint64, label string, weight float64) {
	position := t.heap[0]
	c := &t.counters[position]
	t.forget(c.hash)
	c.hash, c.excess = hash, c.count
	c.count += weight
	c.label = t.write(c.label[:0], hash, label)
	at, _ := t.find(hash)
	t.index[at] = position + 1
	t.sink(0)
}

// find returns where in the index a hash is, or where it belongs.
func (t *Top) find(hash uint64) (at uint64, ok bool) {
	if len(t.index) == 0 {
		return 0, false
	}
	mask := uint64(len(t.index) - 1)
	for at = hash & mask; t.index[at] != 0; at = (at + 1) & mask {
		if t.counters[t.index[at]-1].hash == hash {
			return at, true
		}
	}
	return at, false
}

// forget takes a hash out of the index and closes the gap, which would cut probe
// sequences short.
func (t *Top) forget(hash uint64) {
	gap, _ := t.find(hash)
	mask := uint64(len(t.index) - 1)
	for at := (gap + 1) & mask; t.index[at] != 0; at = (at + 1) & mask {
		home := t.counters[t.index[at]-1].hash & mask
		if (at-home)&mask >= (at-gap)&mask {
			t.index[gap] = t.index[at]
			gap = at
		}
	}
	t.index[gap] = 0
}

func (t *Top) reindex(size int) {
	t.index = make([]uint32, size)
	for i := range t.counters {
		at, _ := t.find(t.counters[i].hash)
		t.index[at] = uint32(i) + 1
	}
}

func (t *Top) lighter(a, b uint32) bool {
	return t.counters[t.heap[a]].count < t.counters[t.heap[b]].count
}

func (t *Top) swap(a, b uint32) {
	t.heap[a], t.heap[b] = t.heap[b], t.heap[a]
	t.counters[t.heap[a]].heap = a
	t.counters[t.heap[b]].heap = b
}

func (t *Top) rise(i uint32) {
	for i > 0 && t.lighter(i, (i-1)/2) {
		t.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (t *Top) sink(i uint32) {
	n := uint32(len(t.heap))
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < n; child++ {
			if t.lighter(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		t.swap(i, least)
		i = least
	}
}
