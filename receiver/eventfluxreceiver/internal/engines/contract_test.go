// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/internal/semconv"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
)

// unit is a report of one metric in a wrong unit, of which points were rejected.
func unit(name, got string, points int) *contract.Report {
	did := &contract.Report{}
	m, _ := semconv.LookupMetric(name)
	did.Sent.Add(m)
	did.Found[contract.WrongUnit] = 1
	did.Rejected[contract.WrongUnit] = points
	did.First[contract.WrongUnit] = contract.Finding{Rule: contract.WrongUnit, Name: name, Got: got, Want: m.Unit()}
	return did
}

func TestWhatAnEngineSendsLacksAndGetsWrongIsKept(t *testing.T) {
	start := time.Unix(1000, 0)
	r := New(Limits{Max: 10, SilentAfter: time.Minute, ForgetAfter: time.Hour})
	id := Identity{Name: "engine", Instance: "a"}
	r.Checked(id, unit("query.latency", "ms", 1), start) // not on the list yet
	if r.Has(id) || len(r.Contract("a")) > 0 {
		t.Fatal("a sender is an engine because its data was checked")
	}
	r.Add(id, "1.2", start)
	r.Add(Identity{Name: "another", Instance: "a"}, "", start)
	r.Checked(id, unit("query.latency", "ms", 2), start.Add(time.Second))
	r.Checked(id, unit("eventflux.uptime", strings.Repeat("\u00e9", 1000), 3), start.Add(time.Minute))

	got := r.Contract("a")
	if len(got) != 2 || got[0].Name != "another" || len(got[0].Sends) != 0 || len(got[0].Violations) != 0 || len(got[0].Lacks) != 20 {
		t.Fatalf("got %+v", got)
	}
	c := got[1]
	if strings.Join(c.Sends, " ") != "eventflux.uptime query.latency" || len(c.Lacks) != 18 || c.Version != "1.2" {
		t.Errorf("sends %q and lacks %q", c.Sends, c.Lacks)
	}
	want := engineview.Violation{
		Rule: "wrong_unit", Breaches: 2, Rejected: 5,
		First: `"query.latency" has unit "ms": record it in "s"`, FirstSeen: start.Add(time.Second),
		LastSeen: start.Add(time.Minute),
	}
	if len(c.Violations) != 1 || c.Violations[0] != want {
		t.Errorf("violations are %+v, want %+v", c.Violations, want)
	}
}

func TestAnExampleIsBounded(t *testing.T) {
	r := New(Limits{Max: 10, SilentAfter: time.Minute, ForgetAfter: time.Hour})
	id := Identity{Name: "engine", Instance: "a"}
	r.Add(id, "", time.Unix(0, 0))
	r.Checked(id, unit("query.latency", strings.Repeat("\xff", 1000), 0), time.Unix(0, 0))
	if first := r.Contract("a")[0].Violations[0].First; len(first) > maxExample+3 || !strings.HasSuffix(first, "...") {
		t.Errorf("%d bytes: %s", len(first), first)
	}
}

func TestLedgersAreConcurrentSafe(t *testing.T) {
	r := New(Limits{Max: 2, SilentAfter: time.Minute, ForgetAfter: time.Hour})
	ids := []Identity{{Name: "engine", Instance: "a"}, {Name: "engine", Instance: "b"}, {Name: "engine", Instance: "c"}}
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			for j := range 200 {
				id, now := ids[(i+j)%len(ids)], time.Unix(int64(j), 0)
				r.Add(id, "", now)
				r.Checked(id, unit("query.latency", "ms", 1), now)
				r.KeepTime(id, now, now)
				if r.Has(id) {
					r.Contract(id.Instance)
				}
			}
		})
	}
	running.Wait()
	if listed := len(r.Contract("a")) + len(r.Contract("b")) + len(r.Contract("c")); listed != 2 {
		t.Errorf("%d engines are listed, want 2", listed)
	}
}
