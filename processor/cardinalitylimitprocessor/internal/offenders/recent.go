// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import "sync/atomic"

const (
	minRecent    = 512
	recentGrowth = 4
	maxRecent    = minRecent * recentGrowth * recentGrowth // 32 KB
)

// recent remembers some of the series that were refused last, by 32-bit prints in sets of
// two. It is read without a lock and written under that of its record. Two series have the
// same print in the same set with a probability of less than 2^-38; the later one would then
// be taken for a repetition.
type recent struct {
	prints []atomic.Uint32 // a power of two; zero is empty
	added  int             // places taken, those taken over included
}

func newRecent(size int) *recent { return &recent{prints: make([]atomic.Uint32, size)} }

func (f *recent) has(series uint64) bool {
	i, mark := f.place(series)
	return f.prints[i].Load() == mark || f.prints[i+1].Load() == mark
}

// add puts a series in the place of the older one of its set.
func (f *recent) add(series uint64) {
	i, mark := f.place(series)
	f.prints[i+1].Store(f.prints[i].Load())
	f.prints[i].Store(mark)
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

// place returns the first place of the set of a series, and its print, which is made of
// the half that does not choose the set.
func (f *recent) place(series uint64) (i int, mark uint32) {
	return int(series&uint64(len(f.prints)-1)) &^ 1, max(uint32(series>>32), 1)
}
