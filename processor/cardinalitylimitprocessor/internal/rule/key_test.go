// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOverridesOfKeysComeBeforeExemptions(t *testing.T) {
	fallback := Key{Values: 100, Action: KeyReplace}
	keys, err := NewKeys(fallback, []KeyOverride{
		{Glob: "user.id", Values: new(10)},
		{Glob: "user.*", Action: new(KeyDrop)},
	}, []string{"user.name", "trace?id"}, nil)
	require.NoError(t, err)
	for name, want := range map[string]Key{
		"user.id":   {Values: 10, Action: KeyReplace},
		"user.name": {Values: 100, Action: KeyDrop},
		"trace.id":  {Exempt: true},
		"trace..id": fallback,
	} {
		assert.Equal(t, want, *keys.Of(name), name)
	}
}

func TestOnlyTheKeysNamedAreLimited(t *testing.T) {
	fallback := Key{Values: 100, Action: KeyReplace}
	keys, err := NewKeys(fallback, []KeyOverride{{Glob: "other", Values: new(1)}}, []string{"http.url"}, []string{"http.*"})
	require.NoError(t, err)
	for name, want := range map[string]Key{
		"http.route": fallback,
		"http.url":   {Exempt: true},
		"other":      {Values: 1, Action: KeyReplace},
		"db.name":    {Exempt: true},
	} {
		assert.Equal(t, want, *keys.Of(name), name)
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	_, err := NewKeys(Key{}, []KeyOverride{{Glob: "fine"}, {}}, []string{""}, []string{"fine", ""})
	require.EqualError(t, err, `overrides[1]: the glob must not be empty
exempt_keys[0]: the glob must not be empty
keys[1]: the glob must not be empty`)
}

func TestKeysObserveOnly(t *testing.T) {
	observe, replace := Key{Action: KeyObserve}, Key{Action: KeyReplace}
	for _, c := range []struct {
		name      string
		fallback  Key
		overrides []KeyOverride
		limited   []string
		want      bool
	}{
		{"observe", observe, nil, nil, true},
		{"observe some", observe, nil, []string{"a"}, true},
		{"replace", replace, nil, nil, false},
		{"replace some", replace, nil, []string{"a"}, false},
		{"observe, but drop some", observe, []KeyOverride{{Glob: "a", Action: new(KeyDrop)}}, nil, false},
	} {
		keys, err := NewKeys(c.fallback, c.overrides, []string{"b"}, c.limited)
		require.NoError(t, err)
		assert.Equal(t, c.want, keys.ObservesOnly(), c.name)
	}
}

// A flood of names costs neither memory nor, for longer than it lasts, speed.
func TestLongNamesAreNotRemembered(t *testing.T) {
	keys, err := NewKeys(Key{Values: 1}, nil, []string{"x*"}, nil)
	require.NoError(t, err)
	assert.True(t, keys.Of(strings.Repeat("x", maxCachedName+1)).Exempt)
	assert.Empty(t, keys.cache)
	assert.True(t, keys.Of(strings.Repeat("x", maxCachedName)).Exempt)
	assert.Len(t, keys.cache, 1)
}
