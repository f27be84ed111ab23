// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// list is not comparable on purpose.
type list []engineview.Engine

func (l list) Engines(time.Time) []engineview.Engine { return append([]engineview.Engine(nil), l...) }

func TestEnginesOfSeveralReceivers(t *testing.T) {
	var e Engines
	if got := e.At(t0); got != nil {
		t.Fatalf("At() = %v before any receiver", got)
	}
	a := engineview.Engine{Name: "flux", InstanceID: "a", State: engineview.StateUp}
	b := engineview.Engine{Name: "flux", InstanceID: "b", State: engineview.StateUp}
	first, second := e.Register(list{b}), e.Register(list{a})
	if got := e.At(t0); len(got) != 2 || got[0] != a || got[1] != b {
		t.Errorf("At() = %+v, want both in order", got)
	}
	first()
	first()
	if got := e.At(t0); len(got) != 1 || got[0] != a {
		t.Errorf("At() = %+v, want the second receiver's", got)
	}
	second()
	if got := e.At(t0); len(got) != 0 {
		t.Errorf("At() = %+v, want none", got)
	}
}

func TestOneEngineAtTwoReceiversIsOneEngine(t *testing.T) {
	at := func(s engineview.State, seen time.Duration, queries int64) engineview.Engine {
		return engineview.Engine{
			Name: "flux", InstanceID: "a", State: s, Queries: queries, Streams: int(queries),
			FirstSeen: t0.Add(-seen), LastSeen: t0.Add(seen),
		}
	}
	up, silent, gone := engineview.StateUp, engineview.StateSilent, engineview.StateShutdown
	tests := []struct {
		name string
		a, b engineview.Engine
		want engineview.State
		seen time.Duration
	}{
		{"up here, silent there", at(up, 1, 2), at(silent, 2, 3), up, 1},
		{"up here, goodbye there", at(up, 1, 2), at(gone, 2, 3), up, 1},
		{"goodbye after silence", at(silent, 1, 2), at(gone, 2, 3), gone, 2},
		{"silence after goodbye", at(gone, 1, 2), at(silent, 2, 3), silent, 2},
		{"up at both", at(up, 1, 2), at(up, 2, 3), up, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, order := range [][]engineview.Engine{{tt.a, tt.b}, {tt.b, tt.a}} {
				var e Engines
				e.Register(list{order[0]})
				e.Register(list{order[1]})
				got := e.At(t0)
				if len(got) != 1 {
					t.Fatalf("At() = %+v, want one engine", got)
				}
				want := at(tt.want, tt.seen, 3)
				want.FirstSeen = t0.Add(-2)
				if got[0] != want {
					t.Errorf("At() = %+v, want %+v", got[0], want)
				}
			}
		})
	}
}

func TestTheReceiverThatHearsTheEngineKnowsItsChecksBest(t *testing.T) {
	seen := func(after time.Duration, checks engineview.Checks) list {
		return list{{Name: "flux", InstanceID: "a", State: engineview.StateUp, LastSeen: t0.Add(after), Checks: checks}}
	}
	var e Engines
	e.Register(seen(2, engineview.Checks{StateBackend: engineview.HealthOK}))
	e.Register(seen(1, engineview.Checks{StateBackend: engineview.HealthUnhealthy, QueryRuntime: engineview.HealthDegraded}))
	want := engineview.Checks{StateBackend: engineview.HealthOK, QueryRuntime: engineview.HealthDegraded}
	if got := e.At(t0)[0].Checks; got != want {
		t.Errorf("Checks = %+v, want %+v", got, want)
	}
}

// A source may unregister itself, or take locks of its own, while it is asked.
type reentrant struct{ leave *func() }

func (r reentrant) Engines(time.Time) []engineview.Engine { (*r.leave)(); return nil }

func TestSourcesAreAskedWithoutALock(t *testing.T) {
	var e Engines
	var leave func()
	leave = e.Register(reentrant{&leave})
	e.Register(list{})
	e.At(t0)
	if got := len(e.all()); got != 1 {
		t.Errorf("%d sources left, want 1", got)
	}
}
