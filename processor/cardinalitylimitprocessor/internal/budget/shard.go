// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import "sync"

const (
	shardBits  = 6
	shardCount = 1 << shardBits
	minSlots   = 8
)

// slot remembers one series in 16 bytes. A zero fingerprint is an empty slot.
type slot struct {
	fingerprint uint64
	metric      uint32
	seen        Tick
}

// shard is an open-addressing table with linear probing, at most three quarters full.
// The upper bits of a fingerprint choose the shard, the lower ones the slot: the series
// of one hot metric spread over all shards.
type shard struct {
	mu    sync.Mutex
	slots []slot // length is zero or a power of two
	used  int

	_ [24]byte // one shard per cache line
}

// occupied maps the fingerprint that means "empty" to another one.
func occupied(fingerprint uint64) uint64 {
	if fingerprint == 0 {
		return 1
	}
	return fingerprint
}

func (t *Table) shard(fingerprint uint64) *shard {
	return &t.shards[fingerprint>>(64-shardBits)]
}

// find returns the position of a series, or that of the empty slot where it belongs.
// There must be at least one empty slot.
func find(slots []slot, fingerprint uint64) (position uint64, ok bool) {
	mask := uint64(len(slots) - 1)
	for i := fingerprint & mask; ; i = (i + 1) & mask {
		switch slots[i].fingerprint {
		case fingerprint:
			return i, true
		case 0:
			return i, false
		}
	}
}

// touch notes that a series was seen. It returns false if the series is not known.
func (s *shard) touch(fingerprint uint64, at Tick) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.slots) == 0 {
		return false
	}
	i, ok := find(s.slots, fingerprint)
	if ok && s.slots[i].seen < at {
		s.slots[i].seen = at
	}
	return ok
}

func (s *shard) has(fingerprint uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.slots) == 0 {
		return false
	}
	_, ok := find(s.slots, fingerprint)
	return ok
}

// insert adds a series. It returns false if the series is there already.
func (s *shard) insert(fingerprint uint64, metric uint32, at Tick) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if (s.used+1)*4 > len(s.slots)*3 {
		s.resize(s.used + 1)
	}
	i, ok := find(s.slots, fingerprint)
	if ok {
		return false
	}
	s.slots[i] = slot{fingerprint: fingerprint, metric: metric, seen: at}
	s.used++
	return true
}

// resize moves all series to slots for at least n of them.
func (s *shard) resize(n int) {
	size := minSlots
	for size*3 < n*4 {
		size *= 2
	}
	old := s.slots
	s.slots = make([]slot, size)
	for _, x := range old {
		if x.fingerprint != 0 {
			i, _ := find(s.slots, x.fingerprint)
			s.slots[i] = x
		}
	}
}

// sweep forgets every series last seen before a moment and passes the metric of each
// to forgotten.
func (s *shard) sweep(before Tick, forgotten func(metric uint32)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dead := 0
	for i := range s.slots {
		if x := &s.slots[i]; x.fingerprint != 0 && x.seen < before {
			forgotten(x.metric)
			x.fingerprint = 0
			dead++
		}
	}
	if dead == 0 {
		return
	}
	s.used -= dead
	if s.used == 0 {
		s.slots = nil
		return
	}
	s.resize(s.used) // closes the gaps, which would cut probe sequences short
}
