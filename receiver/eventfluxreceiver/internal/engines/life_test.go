// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// TestNoStateTurnsBeforeItIsSaid asks at every second and compares with what Lives
// said would be the next time.
func TestNoStateTurnsBeforeItIsSaid(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	for name, happens := range map[string]func(*Registry){
		"exports are missed":  func(r *Registry) { r.Add(nodeA, "", at(0)); r.Add(nodeA, "", at(5)); r.Add(nodeA, "", at(10)) },
		"a connection hangs":  func(r *Registry) { r.Add(nodeA, "", at(0)); r.Heard(nodeA, 1, at(0)) },
		"a connection ends":   func(r *Registry) { r.Add(nodeA, "", at(0)); r.Heard(nodeA, 1, at(0)); r.Ended(1, true, at(1)) },
		"reports are missing": func(r *Registry) { r.Report(nodeA, Report{State: engineview.StateUp, Stamp: at(0)}, 0, at(0)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := New(Limits{
				Max: 10, SilentAfter: 15 * time.Second, SilentAtMost: time.Minute,
				Grace: 2 * time.Second, ForgetAfter: time.Hour,
			})
			happens(r)
			lives, next := r.Lives(at(10))
			if name == "a connection ends" {
				if lives[0].State != engineview.StateSilent || !next.IsZero() {
					t.Fatalf("lost at once, got %s until %s", lives[0].State, next)
				}
				return
			}
			for s := 10; lives[0].State == engineview.StateUp; s++ {
				if s > 600 {
					t.Fatal("never silent")
				}
				if !at(s).Before(next) && !lives[0].Reported {
					t.Fatalf("still up at %s, said %s", at(s).Sub(start), next.Sub(start))
				}
				lives, next = r.Lives(at(s + 1))
			}
		})
	}
}

func TestWhatChangesAStateIsTold(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	r := New(Limits{Max: 10, SilentAfter: 15 * time.Second, Grace: 2 * time.Second, ForgetAfter: time.Hour})
	for _, step := range []struct {
		name string
		now  int
		do   func()
		want bool
	}{
		{"nothing", 0, func() {}, false},
		{"a new engine", 0, func() { r.Add(nodeA, "", at(0)) }, true},
		{"more of it", 2, func() { r.Add(nodeA, "", at(1)); r.Touch(nodeA, "", at(2)) }, false},
		{"its connection ends", 3, func() { r.Heard(nodeA, 1, at(2)); r.Ended(1, true, at(3)) }, true},
		{"it is lost", 5, func() {}, false},
		{"it comes back", 6, func() { r.Touch(nodeA, "", at(6)) }, true},
		{"it says goodbye", 7, func() { r.Goodbye(nodeA, at(7)) }, true},
		{"it is reported lost", 8, func() { reportLost(r, at(8)) }, true},
		{"and so again", 9, func() { reportLost(r, at(9)) }, false},
	} {
		step.do()
		if got := r.Changed(); got != step.want {
			t.Errorf("%s: Changed() = %t, want %t", step.name, got, step.want)
		}
		r.Lives(at(step.now))
	}
}

func reportLost(r *Registry, now time.Time) {
	r.Report(nodeB, Report{State: engineview.StateSilent, Stamp: now}, 0, now)
}

func TestAResourceIsKeptUnlessItIsTooLarge(t *testing.T) {
	r := New(limits)
	attrs := pcommon.NewMap()
	r.Describe(nodeA, attrs) // no engine
	r.Add(nodeA, "", start)
	kept := func() pcommon.Map {
		lives, _ := r.Lives(start)
		return lives[0].Resource
	}
	if name, _ := kept().Get("service.instance.id"); name.Str() != "a" {
		t.Errorf("instance %q, want what identifies the engine", name.Str())
	}
	attrs.PutStr("host.name", "h")
	attrs.PutInt("process.pid", 7)
	r.Describe(nodeA, attrs)
	if !kept().Equal(attrs) {
		t.Errorf("kept %v", kept().AsRaw())
	}
	for name, grow := range map[string]func(pcommon.Map){
		"too long": func(m pcommon.Map) { m.PutStr("x", strings.Repeat("x", 9000)) },
		"too many": func(m pcommon.Map) {
			for i := range 65 {
				m.PutBool(fmt.Sprint(i), true)
			}
		},
		"deep": func(m pcommon.Map) { m.PutEmptySlice("x").AppendEmpty().SetStr(strings.Repeat("x", 9000)) },
	} {
		large := pcommon.NewMap()
		grow(large)
		r.Describe(nodeA, large)
		if kept().Len() != 2 {
			t.Errorf("%s: %d attributes kept, want the two that identify", name, kept().Len())
		}
	}
}
