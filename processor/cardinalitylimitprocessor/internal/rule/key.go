// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"errors"
	"fmt"
)

// KeyAction is what becomes of values of an attribute of a log record or a span that have
// no room.
type KeyAction string

const (
	// KeyObserve counts the values and leaves them.
	KeyObserve KeyAction = "observe"
	// KeyReplace puts one value in the place of them all.
	KeyReplace KeyAction = "replace"
	// KeyDrop removes the attribute.
	KeyDrop KeyAction = "drop"
)

// KeyActions are all of them.
var KeyActions = []KeyAction{KeyObserve, KeyReplace, KeyDrop}

// Key is what holds for one attribute key. It is immutable.
type Key struct {
	// Exempt keys may have any values, which are not counted against any limit.
	Exempt bool
	// Values is how many values the key may have per tenant.
	Values int
	// Action is what becomes of further values.
	Action KeyAction
}

// KeyOverride changes a Key for the keys that it matches. Fields that are not set leave
// what the default says.
type KeyOverride struct {
	Glob   string
	Values *int
	Action *KeyAction
}

// Keys finds what holds for an attribute key. It may be used by many goroutines at once.
type Keys struct {
	lookup[Key]
}

// NewKeys compiles what holds for which key: the first override that matches a key holds
// for it, also if it is exempt otherwise; else a key that an exempt glob matches, or none of
// the limited ones, is exempt; the fallback holds for all others.
func NewKeys(fallback Key, overrides []KeyOverride, exempt, limited []string) (*Keys, error) {
	k := &Keys{lookup[Key]{fallback: &fallback, cache: map[string]*Key{}}}
	var errs []error
	add := func(list string, i int, glob string, r Key) {
		match, err := Pattern{Glob: glob}.matcher()
		if glob == "" {
			err = errors.New("the glob must not be empty")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s[%d]: %w", list, i, err))
			return
		}
		k.add(match, &r)
	}
	for i, o := range overrides {
		r := fallback
		set(&r.Values, o.Values)
		set(&r.Action, o.Action)
		add("overrides", i, o.Glob, r)
	}
	for i, glob := range exempt {
		add("exempt_keys", i, glob, Key{Exempt: true})
	}
	for i, glob := range limited {
		add("keys", i, glob, fallback)
	}
	if len(limited) > 0 {
		k.fallback = &Key{Exempt: true}
	}
	return k, errors.Join(errs...)
}

// ObservesOnly reports whether no value is replaced and no attribute removed.
func (k *Keys) ObservesOnly() bool {
	if !k.fallback.Exempt && k.fallback.Action != KeyObserve {
		return false
	}
	for _, e := range k.entries {
		if !e.rule.Exempt && e.rule.Action != KeyObserve {
			return false
		}
	}
	return true
}
