// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// ID stands for an interned text.
type ID uint32

// DefaultMaxSymbols bounds a table that sets no bound of its own.
const DefaultMaxSymbols = 1 << 16

// Symbols interns text: equal strings get equal ids, from 0 up without gaps.
// The zero value is ready to use. Safe for any number of goroutines.
type Symbols struct {
	// Max bounds the table; 0 means DefaultMaxSymbols.
	Max int

	mu    sync.RWMutex
	ids   map[string]ID
	names atomic.Pointer[[]string] // replaced, never changed in place
	bytes atomic.Int64
}

// Intern returns the id of s. A full table refuses new text.
func (t *Symbols) Intern(s string) (ID, error) {
	t.mu.RLock()
	id, ok := t.ids[s]
	t.mu.RUnlock()
	if ok {
		return id, nil
	}
	return t.add(s)
}

// Find returns the id of s if it has one.
func (t *Symbols) Find(s string) (id ID, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	id, ok = t.ids[s]
	return id, ok
}

func (t *Symbols) add(s string) (ID, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id, ok := t.ids[s]; ok {
		return id, nil
	}
	limit := t.Max
	if limit == 0 {
		limit = DefaultMaxSymbols
	}
	old := t.load()
	if len(old) >= limit {
		return 0, fmt.Errorf("intern %q: the table already holds %d symbols", s, limit)
	}
	if t.ids == nil {
		t.ids = make(map[string]ID)
	}
	s = strings.Clone(s) // s may be a part of a whole input line
	id := ID(len(old))
	names := append(old, s) // readers of the old slice never look past its length
	t.names.Store(&names)
	t.ids[s] = id
	t.bytes.Add(int64(len(s)) + symbolOverhead)
	return id, nil
}

// symbolOverhead is two string headers and a map slot.
const symbolOverhead = 56

// Name returns the text of id, and "" for an id that was never handed out.
func (t *Symbols) Name(id ID) string {
	names := t.load()
	if int(id) >= len(names) {
		return ""
	}
	return names[id]
}

// Names lists the texts by id, without a copy: do not change it.
func (t *Symbols) Names() []string { return slices.Clip(t.load()) }

// Restore gives names the ids they had when Names listed them. It fails for a text that has another id by now.
func (t *Symbols) Restore(names []string) error {
	for want, name := range names {
		if id, err := t.Intern(name); err != nil {
			return fmt.Errorf("could not restore symbol %d: %w", want, err)
		} else if int(id) != want {
			return fmt.Errorf("could not restore symbol %q as %d: it already is %d", name, want, id)
		}
	}
	return nil
}

// Len is the number of interned texts.
func (t *Symbols) Len() int { return len(t.load()) }

// Bytes estimates the memory of the table.
func (t *Symbols) Bytes() int64 { return t.bytes.Load() }

func (t *Symbols) load() []string {
	if p := t.names.Load(); p != nil {
		return *p
	}
	return nil
}
