// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import "sync/atomic"

const (
	minRecent    = 512
	recentGrowth = 4
	recentSet    = 4
	maxRecent    = minRecent * recentGrowth * recentGrowth // 32 KB
)

// recent remembers some of the series that were refused last, by 32-bit prints in sets of
// four. It is read without a lock and written under that of its record. Two series have the
// same print in the same set with a probability of less than 2^-38; the later one would then
// be taken for a repetition.
type recent struct {
	prints []atomic.Uint32 // a power of two; zero is empty
	added  int             // places taken, those taken over included
}

func newRecent(size int) *recent { return &recent{prints: make([]atomic.Uint32, size)} }

func (f *recent) has(series uint64) bool {
	set, mark := f.place(series)
	return set[0].Load() == mark || set[1].Load() == mark || set[2].Load() == mark || set[3].Load() == mark
}

// add puts a series in the place of the oldest one of its set.
func (f *recent) add(series uint64) {
	set, mark := f.place(series)
	for i := recentSet - 1; i > 0; i-- {
		set[i].Store(set[i-1].Load())
	}
	set[0].Store(mark)
	f.added++
}

func (f *recent) clear() {
	for i := range f.prints {
		f.prints[i].Store(0)
	}
	f.added = 0
}

// crowded reports whether a larger filter would remember more.
func (f *recent) crowded() bool {
	return f.added*2 > len(f.prints) && len(f.prints) < maxRecent
}

// place returns the set of a series, and its print, which is made of the half that does not
// choose the set.
func (f *recent) place(series uint64) (set *[recentSet]atomic.Uint32, mark uint32) {
	first := series & uint64(len(f.prints)-1) &^ (recentSet - 1)
	return (*[recentSet]atomic.Uint32)(f.prints[first:]), max(uint32(series>>32), 1)
}
