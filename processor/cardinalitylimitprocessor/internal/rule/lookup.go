// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"strings"
	"sync"
)

const (
	// maxCached bounds how many names a lookup remembers the rule of. One more, and all of
	// them are learnt again: a flood of names must not keep out those that stay.
	maxCached = 10_000
	// maxCachedName is how long such a name may be, so that the memory is bounded, too.
	maxCachedName = 256
)

// lookup finds the rule of a name: that of the first entry that matches, or the fallback.
// Entries are added before it is used.
type lookup[R any] struct {
	fallback *R
	entries  []entry[R]

	mu    sync.RWMutex
	cache map[string]*R
}

type entry[R any] struct {
	match func(name string) bool
	rule  *R
}

func (l *lookup[R]) add(match func(name string) bool, rule *R) {
	l.entries = append(l.entries, entry[R]{match: match, rule: rule})
}

// Of returns the rule of a name. One that was asked for before costs one map lookup.
func (l *lookup[R]) Of(name string) *R {
	if len(l.entries) == 0 {
		return l.fallback
	}
	l.mu.RLock()
	r, ok := l.cache[name]
	l.mu.RUnlock()
	if ok {
		return r
	}
	r = l.match(name)
	if len(name) > maxCachedName {
		return r
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.cache) >= maxCached {
		clear(l.cache)
	}
	l.cache[strings.Clone(name)] = r
	return r
}

func (l *lookup[R]) match(name string) *R {
	for _, e := range l.entries {
		if e.match(name) {
			return e.rule
		}
	}
	return l.fallback
}
