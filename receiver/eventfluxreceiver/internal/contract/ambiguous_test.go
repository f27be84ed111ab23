// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/otlptranslator"
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
				says := `"eventflux.custom.a_b" gets the Prometheus name of "eventflux.custom.a.b": rename one of them`
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

func TestNamesThatUnitAndTypeMakeOneAreToldApart(t *testing.T) {
	type metric struct{ name, unit, kind string }
	for what, tt := range map[string]struct {
		sent  []metric
		want  []string
		owner string
	}{
		"a unit": {
			sent:  []metric{{"eventflux.custom.wait", "s", "gauge"}, {"eventflux.custom.wait_seconds", "", "gauge"}},
			want:  []string{"eventflux.custom.wait", "eventflux.custom.wait_seconds.other"},
			owner: "eventflux.custom.wait",
		},
		"a unit, the other way round": {
			sent:  []metric{{"eventflux.custom.wait.seconds", "s", "gauge"}, {"eventflux.custom.wait", "s", "updown"}},
			want:  []string{"eventflux.custom.wait.seconds", "eventflux.custom.wait.other"},
			owner: "eventflux.custom.wait.seconds",
		},
		"a total": {
			sent:  []metric{{"eventflux.custom.trades", "{trade}", "counter"}, {"eventflux.custom.trades_total", "", "counter"}},
			want:  []string{"eventflux.custom.trades", "eventflux.custom.trades_total.other"},
			owner: "eventflux.custom.trades",
		},
		"a total of another type": {
			sent:  []metric{{"eventflux.custom.trades_total", "", "gauge"}, {"eventflux.custom.trades", "", "counter"}},
			want:  []string{"eventflux.custom.trades_total", "eventflux.custom.trades.other"},
			owner: "eventflux.custom.trades_total",
		},
		"the ratio of a gauge": {
			sent:  []metric{{"eventflux.custom.hits", "1", "gauge"}, {"eventflux.custom.hits_ratio", "", "gauge"}},
			want:  []string{"eventflux.custom.hits", "eventflux.custom.hits_ratio.other"},
			owner: "eventflux.custom.hits",
		},
		"a metric of the conventions": {
			sent:  []metric{{"eventflux.checkpoint.compression", "1", "gauge"}, {"eventflux.custom.hits", "1", "gauge"}},
			want:  []string{"eventflux.checkpoint.compression.other", "eventflux.custom.hits"},
			owner: "eventflux.checkpoint.compression.ratio",
		},
		"nothing: other units": {
			sent: []metric{{"eventflux.custom.wait", "s", "gauge"}, {"eventflux.custom.wait", "ms", "gauge"}, {"eventflux.custom.wait", "", "counter"}},
			want: []string{"eventflux.custom.wait", "eventflux.custom.wait", "eventflux.custom.wait"},
		},
		"nothing: another name of a metric of the conventions": {
			sent: []metric{{"eventflux.checkpoint.compression_ratio", "1", "gauge"}},
			want: []string{"eventflux.checkpoint.compression_ratio"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			p := &Policy{}
			p.Rules[AmbiguousName] = Fix
			var names Names
			for range 2 {
				rm := pmetric.NewResourceMetrics()
				metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
				for _, s := range tt.sent {
					m := metrics.AppendEmpty()
					m.SetName(s.name)
					m.SetUnit(s.unit)
					switch s.kind {
					case "gauge":
						m.SetEmptyGauge().DataPoints().AppendEmpty()
					default:
						m.SetEmptySum().SetIsMonotonic(s.kind == "counter")
						m.Sum().DataPoints().AppendEmpty()
					}
				}
				var did Report
				p.Distinguish(rm, &names, &did)
				if got := namesIn(rm); !slices.Equal(got, tt.want) || did.First[AmbiguousName].Want != tt.owner {
					t.Errorf("got %q for %q, want %q for %q", got, did.First[AmbiguousName].Want, tt.want, tt.owner)
				}
			}
		})
	}
}

func TestNamesAreBounded(t *testing.T) {
	var names Names
	gauge := func(name string) (as, owner string) { return names.claim(name, "s", otlptranslator.MetricTypeGauge) }
	for i := range 3 * maxNames {
		gauge(fmt.Sprintf("eventflux.custom.m%d", i))
	}
	if len(names.owners) != maxNames || len(names.claims) != maxNames {
		t.Errorf("%d and %d names are remembered, want %d", len(names.owners), len(names.claims), maxNames)
	}
	if as, owner := gauge("eventflux.custom_m1"); as != "eventflux.custom_m1.other" || owner != "eventflux.custom.m1" {
		t.Errorf("got %q, %q: a name is not compared when there is no room for it", as, owner)
	}
	name := "eventflux.custom.m" + strings.Repeat("x", 500)
	if n := testing.AllocsPerRun(100, func() { gauge("eventflux.custom.m7") }); n > 0 {
		t.Errorf("%v allocations for a name that is known", n)
	}
	if as, _ := gauge(name); as != name {
		t.Errorf("a long name became %q", as)
	}
}

func TestClaimingIsConcurrentSafe(t *testing.T) {
	var names Names
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 100 {
				names.claim(fmt.Sprintf("eventflux.custom%ca%d", "._-:"[i], j), "s", otlptranslator.MetricTypeGauge)
			}
		})
	}
	all.Wait()
	if len(names.owners) > maxNames {
		t.Errorf("%d names are remembered", len(names.owners))
	}
}
