// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

func TestTheReceiverThatHoldsTheEngineDecides(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	says := func(r *Registry, state engineview.State, now int, age time.Duration) bool {
		return r.Report(nodeA, Report{State: state, Stamp: at(now), Age: age}, 5, at(now))
	}
	exports := func(r *Registry) {
		for s := range 3 {
			r.Add(nodeA, "", at(5*s))
		}
	}
	type verdict struct {
		state    engineview.State
		evidence engineview.Evidence
		reported bool
	}
	up, silent := engineview.StateUp, engineview.StateSilent
	tests := map[string]struct {
		happens func(*Registry)
		now     int
		want    verdict
	}{
		"an engine that is known by reports alone": {
			func(r *Registry) { says(r, up, 0, 0) }, 1, verdict{up, engineview.EvidenceReport, true},
		},
		"the agent saw the connection end while data is on its way": {
			func(r *Registry) { says(r, silent, 0, 0); r.Add(nodeA, "", at(1)) },
			1,
			verdict{silent, engineview.EvidenceReport, true},
		},
		"an older report comes late": {
			func(r *Registry) {
				says(r, silent, 2, 0)
				r.Report(nodeA, Report{State: up, Stamp: at(1)}, 5, at(3))
			},
			3,
			verdict{silent, engineview.EvidenceReport, true},
		},
		"the engine has a connection here": {
			func(r *Registry) { r.Add(nodeA, "", at(0)); r.Heard(nodeA, 1, at(0)); says(r, silent, 1, 0) },
			1,
			verdict{up, engineview.EvidenceConnection, false},
		},
		"the engine came here from the agent": {
			func(r *Registry) {
				r.Add(nodeA, "", at(50))
				r.Heard(nodeA, 0, at(50))
				says(r, silent, 51, time.Minute)
			},
			51,
			verdict{up, engineview.EvidenceData, false},
		},
		"the engine went from here to the agent": {
			func(r *Registry) {
				r.Add(nodeA, "", at(0))
				r.Heard(nodeA, 1, at(0))
				r.Ended(1, true, at(1))
				says(r, up, 20, time.Second)
			},
			20,
			verdict{up, engineview.EvidenceReport, true},
		},
		"the agent fell silent and with it the engine": {
			func(r *Registry) { r.Add(nodeA, "", at(0)); says(r, up, 1, 0) },
			600,
			verdict{silent, engineview.EvidenceMissedExports, false},
		},
		"the agent was lost a moment ago": {
			func(r *Registry) { r.Add(nodeA, "", at(0)); says(r, up, 1, 0); r.Ended(5, true, at(2)) },
			3,
			verdict{up, engineview.EvidenceReport, true},
		},
		"the agent was lost": {
			func(r *Registry) { exports(r); says(r, up, 11, 0); r.Ended(5, true, at(12)) },
			80,
			verdict{silent, engineview.EvidenceMissedExports, false},
		},
		"the agent was lost before the engine's interval was learned": {
			func(r *Registry) { r.Add(nodeA, "", at(0)); says(r, up, 1, 0); r.Ended(5, true, at(2)) },
			16,
			verdict{silent, engineview.EvidenceMissedExports, false},
		},
		"and the engine found another way": {
			func(r *Registry) {
				r.Add(nodeA, "", at(0))
				says(r, up, 1, 0)
				r.Ended(5, true, at(2))
				r.Add(nodeA, "", at(5))
				r.Heard(nodeA, 0, at(5))
			},
			60,
			verdict{up, engineview.EvidenceData, false},
		},
		"the agent was lost and came back": {
			func(r *Registry) { exports(r); says(r, up, 11, 0); r.Ended(5, true, at(12)); says(r, up, 14, 0) },
			80,
			verdict{up, engineview.EvidenceReport, true},
		},
		"the server ended the agent's connection": {
			func(r *Registry) { exports(r); says(r, up, 11, 0); r.Ended(5, false, at(12)) },
			80,
			verdict{up, engineview.EvidenceReport, true},
		},
		"the agent fell silent after the engine was lost": {
			func(r *Registry) { r.Add(nodeA, "", at(0)); says(r, silent, 1, 0) },
			600,
			verdict{silent, engineview.EvidenceReport, false},
		},
		"the agent fell silent and the engine still sends": {
			func(r *Registry) { says(r, silent, 1, 0); r.Add(nodeA, "", at(599)) },
			600,
			verdict{up, engineview.EvidenceData, false},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := New(Limits{
				Max: 10, SilentAfter: 15 * time.Second, SilentAtMost: 6 * time.Minute,
				Grace: 2 * time.Second, ForgetAfter: time.Hour,
			})
			tt.happens(r)
			lives, _ := r.Lives(at(tt.now))
			got := verdict{lives[0].State, lives[0].Evidence, lives[0].Reported}
			if len(lives) != 1 || got != tt.want {
				t.Errorf("got %+v of %d engines, want %+v", got, len(lives), tt.want)
			}
		})
	}
}

func TestAnEngineThatTheAgentForgotIsForgotten(t *testing.T) {
	r := New(limits)
	r.Unreport(nodeA, 0) // no engine
	r.Report(nodeA, Report{State: engineview.StateSilent, Stamp: start}, 0, start)
	r.Unreport(nodeA, 0)
	if lives, _ := r.Lives(start); len(lives) != 0 {
		t.Errorf("%d engines, want none", len(lives))
	}
	r.Add(nodeB, "", start)
	r.Heard(nodeB, 0, start)
	r.Unreport(nodeB, 0)
	if lives, _ := r.Lives(start); len(lives) != 1 {
		t.Errorf("%d engines, want the one that was heard here", len(lives))
	}
}

func TestTheAgentThatHeardTheEngineLastDecides(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	r := New(patient)
	const first, second = 1, 2
	up := func(state engineview.State, on Connection, now, skew int, age time.Duration) bool {
		return r.Report(nodeA, Report{State: state, Stamp: at(now + skew), Age: age}, on, at(now))
	}
	if !up(engineview.StateUp, first, 0, 0, 0) {
		t.Error("there is only one")
	}
	// The clock of the second is a minute behind.
	for s := 10; s < 100; s += 10 {
		if !up(engineview.StateUp, second, s, -60, time.Second) {
			t.Errorf("%d s: the engine is at the second", s)
		}
		if up(engineview.StateSilent, first, s+1, 0, time.Duration(s+1)*time.Second) {
			t.Errorf("%d s: the first has lost it", s)
		}
		if lives, _ := r.Lives(at(s + 2)); lives[0].State != engineview.StateUp {
			t.Errorf("%d s: %s", s, lives[0].State)
		}
	}
	if r.Unreport(nodeA, first) {
		t.Error("that the first forgets it means nothing")
	}
	r.Ended(second, true, at(100))
	if !up(engineview.StateSilent, first, 110, 0, time.Second) {
		t.Error("it went back to the first and died there")
	}
	if !r.Unreport(nodeA, first) {
		t.Error("the first decides")
	}
}

func BenchmarkLives(b *testing.B) {
	r := New(Limits{Max: 10_000, SilentAfter: 15 * time.Second, ForgetAfter: time.Hour})
	for i := range 10_000 {
		id := Identity{Name: "engine", Instance: fmt.Sprint(i)}
		r.Add(id, "1", start)
		for s := range 100 {
			r.Streams(id, slices.Values([]string{fmt.Sprint(s)}), start)
		}
	}
	for b.Loop() {
		r.Lives(start)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/engine")
}
