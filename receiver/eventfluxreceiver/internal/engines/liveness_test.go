// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// patient are the receiver's defaults.
var patient = Limits{
	Max: 1000, SilentAfter: 15 * time.Second, SilentAtMost: 6 * time.Minute,
	Grace: 2 * time.Second, ForgetAfter: 48 * time.Hour,
}

func TestConnectionsAreEvidence(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tests := []struct {
		name  string
		do    func(*Registry)
		now   time.Time
		state engineview.State
		by    engineview.Evidence
	}{
		{"no connection", func(*Registry) {}, at(1), engineview.StateUp, engineview.EvidenceData},
		{"an open one vetoes silence", func(r *Registry) {
			for i := range 10 {
				r.Add(nodeA, "", at(5*i))
			}
			r.Heard(nodeA, 1, start)
		}, at(300), engineview.StateUp, engineview.EvidenceConnection},
		{
			"but not for ever", func(r *Registry) { r.Heard(nodeA, 1, start) },
			at(360), engineview.StateSilent, engineview.EvidenceMissedExports,
		},
		{
			"within grace", func(r *Registry) { r.Heard(nodeA, 1, start); r.Ended(1, true, at(1)) },
			at(3).Add(-1), engineview.StateUp, engineview.EvidenceData,
		},
		{
			"after grace", func(r *Registry) { r.Heard(nodeA, 1, start); r.Ended(1, true, at(1)) },
			at(3), engineview.StateSilent, engineview.EvidenceConnectionLost,
		},
		{
			"one of two ended", func(r *Registry) { r.Heard(nodeA, 1, start); r.Heard(nodeA, 2, start); r.Ended(2, true, at(1)) },
			at(60), engineview.StateUp, engineview.EvidenceConnection,
		},
		{"both ended", func(r *Registry) {
			r.Heard(nodeA, 1, start)
			r.Heard(nodeA, 2, start)
			r.Ended(2, true, at(1))
			r.Ended(1, true, at(1))
			r.Ended(1, true, at(9))
		}, at(3), engineview.StateSilent, engineview.EvidenceConnectionLost},
		{"came back", func(r *Registry) {
			r.Heard(nodeA, 1, start)
			r.Ended(1, true, at(1))
			r.Touch(nodeA, "", at(9))
			r.Heard(nodeA, 2, start)
		}, at(10), engineview.StateUp, engineview.EvidenceConnection},
		{
			"ended by the server's own wish", func(r *Registry) { r.Heard(nodeA, 1, start); r.Ended(1, false, at(1)) },
			at(14), engineview.StateUp, engineview.EvidenceData,
		},
		{"shared", func(r *Registry) {
			r.Add(nodeB, "", at(0))
			r.Goodbye(nodeB, at(0))
			r.Heard(nodeA, 1, start)
			r.Heard(nodeB, 1, start)
			r.Heard(nodeA, 1, start)
			r.Ended(1, true, at(1))
		}, at(14), engineview.StateUp, engineview.EvidenceData},
		{
			"goodbye is the strongest", func(r *Registry) { r.Heard(nodeA, 1, start); r.Goodbye(nodeA, at(1)) },
			at(2), engineview.StateShutdown, engineview.EvidenceGoodbye,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := New(patient)
			r.Add(nodeA, "", at(0))
			tt.do(r)
			got := r.Engines(tt.now)[0]
			if got.State != tt.state || got.Evidence != tt.by {
				t.Errorf("%s by %s, want %s by %s", got.State, got.Evidence, tt.state, tt.by)
			}
		})
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	r := New(limits)
	r.Heard(nodeA, 1, start) // no engine
	r.Add(nodeA, "", start)
	for i := range 3 * maxConnections {
		r.Heard(nodeA, Connection(i), start)
	}
	if got := len(r.connections); got != maxConnections {
		t.Errorf("%d connections remembered, want %d", got, maxConnections)
	}
	r.Engines(start.Add(limits.ForgetAfter))
	if got := len(r.connections); got != 0 {
		t.Errorf("%d connections remembered of a forgotten engine", got)
	}
}

func TestSilenceIsLearnedAnewAfterSilence(t *testing.T) {
	r := New(patient)
	now := start
	for range 40 {
		r.Add(nodeA, "", now)
		now = now.Add(5 * time.Second)
	}
	now = now.Add(55 * time.Second) // the engine came back with an interval of 60s
	for range 10 {
		r.Add(nodeA, "", now)
		now = now.Add(time.Minute)
		if got := r.Engines(now)[0].State; got != engineview.StateUp {
			t.Fatalf("%s with a new interval, want up", got)
		}
	}
}

// export is one arrival in the simulation.
type export struct {
	at     time.Time
	engine int
}

// TestADayWithoutFalseDowns has 100 engines without any connection that could
// be evidence, with intervals from 1s to 60s, each export moved by up to half
// the interval and one in a hundred lost. At the end of the day all die.
func TestADayWithoutFalseDowns(t *testing.T) {
	const engines, day, seed = 100, 24 * time.Hour, 1
	rnd := rand.New(rand.NewPCG(seed, 0))
	interval := func(i int) time.Duration { return time.Second + time.Duration(i)*59*time.Second/(engines-1) }
	id := func(i int) Identity { return Identity{Name: "engine", Instance: fmt.Sprintf("%03d", i)} }
	var exports []export
	for i := range engines {
		every := interval(i)
		for tick := every; tick < day; tick += every {
			if rnd.Float64() >= 0.01 {
				jitter := time.Duration((rnd.Float64() - 0.5) * float64(every))
				exports = append(exports, export{start.Add(tick + jitter), i})
			}
		}
	}
	slices.SortFunc(exports, func(a, b export) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })

	r := New(patient)
	downs := 0
	for _, x := range exports {
		// Just before data arrives an engine is closest to being down.
		if el, known := r.byID[id(x.engine)]; known {
			if state, _ := r.judge(el.Value.(*engine), x.at); state != engineview.StateUp {
				downs++
			}
		}
		r.Add(id(x.engine), "", x.at)
	}
	var worst float64
	for i := range engines {
		e := r.byID[id(i)].Value.(*engine)
		found := r.patience(e)
		if found > patient.SilentAfter {
			worst = max(worst, float64(found)/float64(interval(i)))
		}
	}
	t.Logf("seed %d: %d exports, %d false downs, deaths found at most %.2f intervals after the last export",
		seed, len(exports), downs, worst)
	if downs != 0 {
		t.Errorf("%d false downs", downs)
	}
	if worst > 8 {
		t.Errorf("a death is found only after %.2f intervals", worst)
	}
	for _, e := range r.Engines(start.Add(day + time.Hour)) {
		if e.State != engineview.StateSilent || e.Evidence != engineview.EvidenceMissedExports {
			t.Fatalf("engine %s is %s by %s after its death", e.InstanceID, e.State, e.Evidence)
		}
	}
}
