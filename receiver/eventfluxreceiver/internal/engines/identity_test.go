// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"testing"
	"time"
)

func TestTwoLiveProcessesUnderOneIdentityAreFound(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	// A step is an export of a process over a connection, or its end.
	type step struct {
		on   Connection
		pid  string
		ends bool
	}
	a, b := step{on: 1, pid: "7"}, step{on: 2, pid: "8"}
	tests := map[string]struct {
		steps     []step
		conflicts int
		restarts  int64
	}{
		"one process, two connections":          {[]step{a, {on: 2, pid: "7"}, a, {on: 2, pid: "7"}}, 0, 0},
		"a restart":                             {[]step{a, a, {on: 1, ends: true}, b, b}, 0, 1},
		"a restart, the old end is seen late":   {[]step{a, a, b, b, {on: 1, ends: true}, b}, 0, 1},
		"both send":                             {[]step{a, b, a, b, a, b}, 4, 1},
		"one of two ends":                       {[]step{a, b, a, {on: 1, ends: true}, b, b}, 1, 1},
		"a process that says nothing of itself": {[]step{a, {on: 2}, a, {on: 2}}, 0, 0},
		"no connection is known":                {[]step{{pid: "7"}, {pid: "8"}}, 0, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := New(patient)
			found, firsts := 0, 0
			for i, s := range tt.steps {
				if s.ends {
					r.Ended(s.on, true, at(i))
					continue
				}
				r.Add(nodeA, "", at(i))
				r.Heard(nodeA, s.on, at(i))
				conflict, first := r.Saw(nodeA, Process{PID: s.pid}, s.on, at(i))
				if conflict {
					found++
				}
				if first {
					firsts++
				}
			}
			lives, _ := r.Lives(at(len(tt.steps)))
			if found != tt.conflicts || lives[0].Restarts != tt.restarts {
				t.Errorf("%d conflicts and %d restarts, want %d and %d", found, lives[0].Restarts, tt.conflicts, tt.restarts)
			}
			if firsts > 1 || firsts == 0 && found > 0 {
				t.Errorf("told %d times", firsts)
			}
		})
	}
}

func TestAnIdentityBelongsToOnePrincipalWhileItLives(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	r := New(Limits{Max: 10, SilentAfter: 15 * time.Second, ForgetAfter: time.Hour})
	claim := func(principal string, now int, wantConflict, wantFirst bool) {
		t.Helper()
		conflict, first := r.Claim(nodeA, principal, at(now))
		if conflict != wantConflict || first != wantFirst {
			t.Errorf("%s at %d: conflict %t, first %t", principal, now, conflict, first)
		}
	}
	claim("alice", 0, false, false) // no engine
	r.Add(nodeA, "", at(0))
	claim("alice", 0, false, false)
	claim("alice", 1, false, false)
	claim("mallory", 2, true, true)
	claim("mallory", 3, true, false)
	claim("alice", 4, false, false)
	claim("bob", 100, false, false) // alice's engine is silent
	r.Touch(nodeA, "", at(100))
	claim("alice", 101, true, true)
}
