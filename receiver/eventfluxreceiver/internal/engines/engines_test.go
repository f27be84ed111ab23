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

var (
	start  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	nodeA  = Identity{Name: "engine", Instance: "a"}
	nodeB  = Identity{Name: "engine", Instance: "b"}
	limits = Limits{Max: 3, SilentAfter: 15 * time.Second, ForgetAfter: time.Hour}
)

func TestStateFollowsTheEvidence(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tests := []struct {
		name string
		do   func(*Registry)
		now  time.Time
		want engineview.State // zero: not on the list
	}{
		{"unknown sender is no engine", func(r *Registry) { r.Touch(nodeA, "", at(0)) }, at(0), 0},
		{"added is up", func(r *Registry) { r.Add(nodeA, "", at(0)) }, at(0), engineview.StateUp},
		{"up just under the timeout", func(r *Registry) { r.Add(nodeA, "", at(0)) }, at(15).Add(-1), engineview.StateUp},
		{"silent at the timeout", func(r *Registry) { r.Add(nodeA, "", at(0)) }, at(15), engineview.StateSilent},
		{"any data keeps it up", func(r *Registry) { r.Add(nodeA, "", at(0)); r.Touch(nodeA, "", at(10)) }, at(20), engineview.StateUp},
		{"late data does not move the clock back", func(r *Registry) {
			r.Add(nodeA, "", at(10))
			r.Touch(nodeA, "", at(0))
		}, at(20), engineview.StateUp},
		{"goodbye", func(r *Registry) { r.Add(nodeA, "", at(0)); r.Goodbye(nodeA, at(1)) }, at(60), engineview.StateShutdown},
		{"last flush after goodbye does not revive", func(r *Registry) {
			r.Add(nodeA, "", at(0))
			r.Goodbye(nodeA, at(1))
			r.Add(nodeA, "", at(2))
		}, at(3), engineview.StateShutdown},
		{"goodbye before the first metrics", func(r *Registry) {
			r.Goodbye(nodeA, at(1))
			r.Add(nodeA, "", at(2))
		}, at(60), engineview.StateShutdown},
		{"goodbye of a stranger puts nobody on the list", func(r *Registry) { r.Goodbye(nodeA, at(1)) }, at(2), 0},
		{"goodbye of an earlier life", func(r *Registry) {
			r.Goodbye(nodeA, at(1))
			r.Add(nodeA, "", at(17))
		}, at(18), engineview.StateUp},
		{"a restart under the same id revives", func(r *Registry) {
			r.Add(nodeA, "", at(0))
			r.Goodbye(nodeA, at(1))
			r.Add(nodeA, "", at(17))
		}, at(18), engineview.StateUp},
		{"silent is forgotten in the end", func(r *Registry) { r.Add(nodeA, "", at(0)) }, at(3600), 0},
		{"stopped is forgotten in the end", func(r *Registry) { r.Add(nodeA, "", at(0)); r.Goodbye(nodeA, at(1)) }, at(3601), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := New(limits)
			tt.do(r)
			got := r.Engines(tt.now)
			if tt.want == 0 {
				if len(got) != 0 {
					t.Fatalf("Engines() = %v, want none", got)
				}
				return
			}
			if len(got) != 1 || got[0].State != tt.want {
				t.Fatalf("Engines() = %+v, want one in state %s", got, tt.want)
			}
		})
	}
}

func TestAddReportsNewEnginesOnce(t *testing.T) {
	r := New(limits)
	if !r.Add(nodeA, "1", start) {
		t.Error("first Add: got false")
	}
	if r.Add(nodeA, "2", start) {
		t.Error("second Add: got true")
	}
	if got := r.Engines(start)[0].Version; got != "2" {
		t.Errorf("version = %q, want the newest", got)
	}
	r.Touch(nodeA, "", start)
	if got := r.Engines(start)[0].Version; got != "2" {
		t.Errorf("version = %q after data without one", got)
	}
}

func TestListIsSortedAndCarriesNumbers(t *testing.T) {
	r := New(limits)
	r.Add(nodeB, "", start)
	r.Add(nodeA, "", start)
	r.Queries(nodeA, 3)
	r.Streams(nodeA, slices.Values([]string{"S1"}), start)
	r.Streams(nodeA, slices.Values([]string{"S1"}), start)
	r.Streams(nodeA, slices.Values([]string{"S2"}), start.Add(10*time.Second))
	r.Queries(Identity{Name: "stranger"}, 9)
	r.Streams(Identity{Name: "stranger"}, slices.Values([]string{"S"}), start)

	got := r.Engines(start.Add(12 * time.Second))
	if len(got) != 2 || got[0].InstanceID != "a" || got[1].InstanceID != "b" {
		t.Fatalf("Engines() = %+v", got)
	}
	if got[0].Queries != 3 || got[0].Streams != 2 {
		t.Errorf("queries, streams = %d, %d; want 3, 2", got[0].Queries, got[0].Streams)
	}
	if got := r.Engines(start.Add(20 * time.Second))[0].Streams; got != 1 {
		t.Errorf("streams = %d after S1 went quiet, want 1", got)
	}
}

func TestChecksAreWhatTheEngineSaidLast(t *testing.T) {
	r := New(limits)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	r.Check(nodeA, "state_backend", engineview.HealthOK, at(0)) // no engine yet
	r.Add(nodeA, "", at(0))
	if got := r.Engines(at(0))[0].Checks; got != (engineview.Checks{}) {
		t.Errorf("Checks = %+v before the engine said anything", got)
	}
	r.Check(nodeA, "event_pipeline", engineview.HealthDegraded, at(1))
	r.Check(nodeA, "state_backend", engineview.HealthUnhealthy, at(1))
	r.Check(nodeA, "state_backend", engineview.HealthOK, at(2))
	r.Check(nodeA, "query_runtime", engineview.HealthOK, at(10))
	r.Check(nodeA, "overall", engineview.HealthUnhealthy, at(10))
	want := engineview.Checks{
		EventPipeline: engineview.HealthDegraded, StateBackend: engineview.HealthOK, QueryRuntime: engineview.HealthOK,
	}
	if got := r.Engines(at(15))[0].Checks; got != want {
		t.Errorf("Checks = %+v, want %+v", got, want)
	}
	if got := r.Engines(at(17))[0].Checks; got != (engineview.Checks{QueryRuntime: engineview.HealthOK}) {
		t.Errorf("Checks = %+v, want only what is still said", got)
	}
}

func TestFullListDropsTheLeastRecentlySeen(t *testing.T) {
	r := New(limits)
	for i := range 3 {
		r.Add(Identity{Name: "engine", Instance: fmt.Sprint(i)}, "", start.Add(time.Duration(i)*time.Second))
	}
	r.Touch(Identity{Name: "engine", Instance: "0"}, "", start.Add(5*time.Second))
	r.Add(Identity{Name: "engine", Instance: "3"}, "", start.Add(6*time.Second))

	var ids string
	for _, e := range r.Engines(start.Add(7 * time.Second)) {
		ids += e.InstanceID
	}
	if ids != "023" || r.Evicted() != 1 {
		t.Errorf("kept %q, evicted %d; want 023 and 1", ids, r.Evicted())
	}
}

func TestStreamsOfOneEngineAreBounded(t *testing.T) {
	r := New(limits)
	r.Add(nodeA, "", start)
	for i := range 2 * maxStreams {
		r.Streams(nodeA, slices.Values([]string{fmt.Sprint(i)}), start)
	}
	if got := r.Engines(start)[0].Streams; got != maxStreams {
		t.Errorf("streams = %d, want %d", got, maxStreams)
	}
}

func TestGoodbyesOfStrangersAreBounded(t *testing.T) {
	r := New(limits)
	for i := range 3 * limits.Max {
		r.Goodbye(Identity{Name: "engine", Instance: fmt.Sprint(i)}, start)
	}
	r.Goodbye(Identity{Name: "engine", Instance: "8"}, start) // known already
	if got := len(r.goodbyes); got != limits.Max {
		t.Errorf("%d goodbyes remembered, want %d", got, limits.Max)
	}
	if got := r.Evicted(); got != int64(2*limits.Max) {
		t.Errorf("evicted = %d, want %d", got, 2*limits.Max)
	}
	r.Goodbye(nodeA, start.Add(limits.SilentAfter))
	if got := len(r.goodbyes); got != 1 {
		t.Errorf("%d goodbyes remembered after the others lost their meaning, want 1", got)
	}
}
