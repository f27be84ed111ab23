// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheFirstOverrideThatMatchesHoldsAlone(t *testing.T) {
	set, err := NewSet(Rule{Series: 100, Action: FoldAttribute, Protected: []string{"tier"}}, []Override{
		{Pattern: Pattern{Name: "http.server.duration"}, Series: new(10)},
		{Pattern: Pattern{Glob: "http.*.duration"}, Series: new(20), Action: new(Drop)},
		{Pattern: Pattern{Regexp: "rpc[.](client|server)[.].+"}, Protected: []string{"method"}},
		{Pattern: Pattern{Glob: "otelcol_?"}, Exempt: new(true)},
	})
	require.NoError(t, err)
	for name, want := range map[string]Rule{
		"http.server.duration": {Series: 10, Action: FoldAttribute, Protected: []string{"tier"}},
		"http.client.duration": {Series: 20, Action: Drop, Protected: []string{"tier"}},
		"http.duration":        {Series: 100, Action: FoldAttribute, Protected: []string{"tier"}},
		"rpc.client.calls":     {Series: 100, Action: FoldAttribute, Protected: []string{"method"}},
		"a.rpc.client.calls":   {Series: 100, Action: FoldAttribute, Protected: []string{"tier"}},
		"otelcol_x":            {Series: 100, Action: FoldAttribute, Protected: []string{"tier"}, Exempt: true},
		"otelcol_xy":           {Series: 100, Action: FoldAttribute, Protected: []string{"tier"}},
	} {
		for range 2 { // matched, then remembered
			assert.Equal(t, want, *set.Of(name), name)
		}
	}
}

func TestPatternsThatCannotBe(t *testing.T) {
	for want, p := range map[string]Pattern{
		"exactly one of name, glob and regexp": {},
		"must be set":                          {Name: "a", Glob: "b"},
		`regexp "("`:                           {Regexp: "("},
	} {
		_, err := NewSet(Rule{}, []Override{{Pattern: Pattern{Name: "fine"}}, {Pattern: p}})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "overrides[1]")
	}
}

// A flood of names makes the set slower, not larger.
func TestRememberedNamesAreBounded(t *testing.T) {
	set, err := NewSet(Rule{}, []Override{{Pattern: Pattern{Glob: "m*7"}, Series: new(7)}})
	require.NoError(t, err)
	for i := range 2 * maxCached {
		name := fmt.Sprint("m", i)
		assert.Equal(t, strings.HasSuffix(name, "7"), set.Of(name).Series == 7)
	}
	assert.Len(t, set.cache, maxCached)
}

func TestObservesOnly(t *testing.T) {
	for _, c := range []struct {
		fallback  Action
		overrides []Override
		want      bool
	}{
		{Observe, nil, true},
		{Fold, nil, false},
		{Fold, []Override{{Pattern: Pattern{Glob: "*"}, Action: new(Observe)}}, false},
		{Observe, []Override{{Pattern: Pattern{Name: "a"}, Action: new(Drop)}}, false},
		{Observe, []Override{{Pattern: Pattern{Name: "a"}, Series: new(1)}}, true},
		{Observe, []Override{{Pattern: Pattern{Name: "a"}, Action: new(Drop), Exempt: new(true)}}, true},
	} {
		set, err := NewSet(Rule{Action: c.fallback}, c.overrides)
		require.NoError(t, err)
		assert.Equal(t, c.want, set.ObservesOnly(), c)
	}
}
