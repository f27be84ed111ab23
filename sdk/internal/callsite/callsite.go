// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package callsite limits how often each of a bounded number of places may speak. It knows no clock: the time is
// what the caller says.
package callsite

import (
	"sync/atomic"
	"time"
)

// Max is how many sites have an allowance of their own.
const Max = 1024

// slots leaves half of the table empty, so that a site is found in a step or two.
const slots = 2 * Max

// Table is the allowances of all sites. It is safe for concurrent use, takes no lock and allocates nothing after
// NewTable.
type Table struct {
	rate   Rate
	used   atomic.Int64
	sites  [slots]site
	shared site // for those that find no slot
}

// site is one place. The zero site has its full allowance.
type site struct {
	key        atomic.Uint64
	full       atomic.Int64 // when the allowance will be full again
	suppressed atomic.Uint64
}

// NewTable returns a table that allows each site perSecond times per second, and as often at once.
func NewTable(perSecond float64) *Table {
	return &Table{rate: NewRate(perSecond)}
}

// Admit says whether the place in the code pc may speak at level, at a time now since some fixed moment. If so,
// suppressed is how often it was refused since it last spoke.
func (t *Table) Admit(pc uintptr, level int, now time.Duration) (suppressed uint64, ok bool) {
	s := t.site(pc, level)
	for {
		full := s.full.Load()
		next, ok := t.rate.Take(time.Duration(full), now)
		if !ok {
			s.suppressed.Add(1)
			return 0, false
		}
		if s.full.CompareAndSwap(full, int64(next)) {
			break
		}
	}
	if s.suppressed.Load() == 0 {
		return 0, true
	}
	return s.suppressed.Swap(0), true
}

// site returns the slot of a place, which is claimed at its first call.
func (t *Table) site(pc uintptr, level int) *site {
	if pc == 0 {
		return &t.shared
	}
	key := uint64(pc)<<8 | uint64(uint8(level))
	hash := key * 0x9e3779b97f4a7c15
	for i := range uint64(slots) {
		s := &t.sites[(hash>>40+i)%slots]
		switch s.key.Load() {
		case key:
			return s
		case 0:
			if t.used.Load() >= Max {
				return &t.shared
			}
			if s.key.CompareAndSwap(0, key) {
				t.used.Add(1)
				return s
			}
			if s.key.Load() == key {
				return s
			}
		}
	}
	return &t.shared
}
