// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// called returns a resource with a gauge of one point for each name.
func called(names ...string) pmetric.ResourceMetrics {
	rm := pmetric.NewResourceMetrics()
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	for _, name := range names {
		m := metrics.AppendEmpty()
		m.SetName(name)
		m.SetEmptyGauge().DataPoints().AppendEmpty()
	}
	return rm
}

func namesIn(rm pmetric.ResourceMetrics) (names []string) {
	for _, sm := range rm.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			names = append(names, m.Name())
		}
	}
	return names
}

func TestNamesThatPrometheusSpellsAlikeAreToldApart(t *testing.T) {
	sent := []string{
		"eventflux.custom.a.b", "eventflux.custom.a_b", "eventflux.custom_a..b", "eventflux.custom.a_b.other",
		"a.b", "a_b", // of other software
		"eventflux.uptime", "eventflux.custom.a.b",
	}
	for action, want := range map[Action][]string{
		Observe: sent,
		Fix: {
			"eventflux.custom.a.b", "eventflux.custom.a_b.other", "eventflux.custom_a..b.other.other",
			"eventflux.custom.a_b.other.other.other", "a.b", "a_b", "eventflux.uptime", "eventflux.custom.a.b",
		},
		Reject: {
			"eventflux.custom.a.b", "a.b", "a_b", "eventflux.uptime", "eventflux.custom.a.b",
		},
	} {
		t.Run(fmt.Sprint(action), func(t *testing.T) {
			p := &Policy{}
			p.Rules[AmbiguousName] = action
			var names Names
			for range 3 { // whatever comes again gets the same name
				rm := called(sent...)
				var did Report
				p.Distinguish(rm, &names, &did)
				if got := namesIn(rm); !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
				changed := map[Action][2]int{Fix: {3, 0}, Reject: {0, 3}}[action]
				if did.Found[AmbiguousName] != 3 || did.Repaired[SetAside] != changed[0] || did.Rejected[AmbiguousName] != changed[1] {
					t.Errorf("found %v, repaired %v, rejected %v", did.Found, did.Repaired, did.Rejected)
				}
				says := `"eventflux.custom.a_b" differs from "eventflux.custom.a.b" only in what joins its words: rename one of them`
				if got := did.First[AmbiguousName].String(); got != says {
					t.Errorf("says %s, want %s", got, says)
				}
			}
			rm, did := called("eventflux.custom.a_b"), Report{}
			p.Distinguish(rm, nil, &did) // of another sender
			if got := namesIn(rm); did.Found[AmbiguousName] != 0 || !slices.Equal(got, []string{"eventflux.custom.a_b"}) {
				t.Errorf("names are compared between senders: %q", got)
			}
		})
	}
}

func TestNamesAreBounded(t *testing.T) {
	var names Names
	for i := range 3 * maxNames {
		names.claim(fmt.Sprintf("eventflux.custom.m%d", i))
	}
	if len(names.owners) != maxNames {
		t.Errorf("%d names are remembered, want %d", len(names.owners), maxNames)
	}
	if as, owner := names.claim("eventflux.custom_m1"); as != "eventflux.custom_m1.other" || owner != "eventflux.custom.m1" {
		t.Errorf("got %q, %q: a name is not compared when there is no room for it", as, owner)
	}
	name := "eventflux.custom.m" + strings.Repeat("x", 500)
	if n := testing.AllocsPerRun(100, func() { names.claim("eventflux.custom.m7") }); n > 0 {
		t.Errorf("%v allocations for a name that is known", n)
	}
	if as, _ := names.claim(name); as != name {
		t.Errorf("a long name became %q", as)
	}
}

func TestClaimingIsConcurrentSafe(t *testing.T) {
	var names Names
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 100 {
				names.claim(fmt.Sprintf("eventflux.custom%ca%d", "._-:"[i], j))
			}
		})
	}
	all.Wait()
	if len(names.owners) > maxNames {
		t.Errorf("%d names are remembered", len(names.owners))
	}
}
