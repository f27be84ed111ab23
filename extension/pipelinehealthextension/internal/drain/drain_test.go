// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"testing"
	"time"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return t0.Add(d) }

func TestMachine(t *testing.T) {
	const s = time.Second
	ready := func(m *Machine) { m.Ready() }
	stop := func(m *Machine) { m.Stop() }
	signal := func(sig Signal, at time.Duration) func(*Machine) {
		return func(m *Machine) { m.Signal(sig, after(at)) }
	}
	type steps = []func(*Machine)
	tests := []struct {
		name  string
		min   time.Duration
		steps steps
		at    time.Duration // of the question
		phase Phase
		want  Verdict
	}{
		{"nothing happened", 5 * s, nil, 0, Starting, Verdict{Outcome: NeverReady}},
		{"running", 5 * s, steps{ready}, 0, Running, Verdict{Outcome: NotTerminated}},
		{"signal ends readiness before the pipelines are stopped", 5 * s, steps{ready, signal(Terminate, 0)}, 1 * s, Stopping, Verdict{Wait: 4 * s}},
		{"hold begins", 5 * s, steps{ready, signal(Terminate, 0), stop}, 0, Stopping, Verdict{Wait: 5 * s}},
		{"time since the signal counts", 5 * s, steps{ready, signal(Terminate, 0), stop}, 2 * s, Stopping, Verdict{Wait: 3 * s}},
		{"held to the end", 5 * s, steps{ready, signal(Terminate, 0), stop}, 5 * s, Stopping, Verdict{Outcome: Held}},
		{"stopped long after the signal", 5 * s, steps{ready, signal(Terminate, 0), stop}, time.Minute, Stopping, Verdict{Outcome: Held}},
		{"clock set back", 5 * s, steps{ready, signal(Terminate, 0), stop}, -time.Hour, Stopping, Verdict{Wait: 5 * s}},
		{"second signal", 5 * s, steps{ready, signal(Terminate, 0), stop, signal(Terminate, 1*s)}, 1 * s, Stopping, Verdict{Outcome: CutShort}},
		{"interrupt after terminate", 5 * s, steps{ready, signal(Terminate, 0), stop, signal(Interrupt, 1*s)}, 1 * s, Stopping, Verdict{Outcome: CutShort}},
		{"both signals before the stop", 5 * s, steps{ready, signal(Terminate, 0), signal(Terminate, 0), stop}, 0, Stopping, Verdict{Outcome: CutShort}},
		{"signal while a reload stops the pipelines", 5 * s, steps{ready, stop, signal(Terminate, 0)}, 0, Stopping, Verdict{Wait: 5 * s}},
		{"reload", 5 * s, steps{ready, stop}, 0, Stopping, Verdict{Outcome: NotTerminated}},
		{"interrupt", 5 * s, steps{ready, signal(Interrupt, 0), stop}, 0, Stopping, Verdict{Outcome: NotTerminated}},
		{"terminate after interrupt", 5 * s, steps{ready, signal(Interrupt, 0), signal(Terminate, 0), stop}, 0, Stopping, Verdict{Outcome: NotTerminated}},
		{"failed start", 5 * s, steps{stop}, 0, Stopping, Verdict{Outcome: NeverReady}},
		{"signal during a failed start", 5 * s, steps{signal(Terminate, 0), stop}, 0, Stopping, Verdict{Outcome: NeverReady}},
		{"ready after the stop is not ready", 5 * s, steps{stop, ready}, 0, Stopping, Verdict{Outcome: NeverReady}},
		{"disabled", 0, steps{ready, signal(Terminate, 0), stop}, 0, Stopping, Verdict{Outcome: Disabled}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := Machine{Min: tt.min}
			for _, step := range tt.steps {
				step(&m)
			}
			if got := m.Phase(); got != tt.phase {
				t.Errorf("Phase() = %v, want %v", got, tt.phase)
			}
			if got := m.Judge(after(tt.at), Pending{}); got != tt.want {
				t.Errorf("Judge() = %+v, want %+v", got, tt.want)
			}
		})
	}
}

// Whatever happens in whatever order, no hold is longer than Max, and there
// is one only after SIGTERM on pipelines that ran.
func FuzzMachineHoldsNoLongerThanMax(f *testing.F) {
	f.Add([]byte{0, 1, 3})
	f.Add([]byte{0, 1, 3, 1})
	f.Add([]byte{1, 0, 3, 2})
	f.Fuzz(func(t *testing.T, events []byte) {
		m := Machine{Min: 2 * time.Second, Max: 5 * time.Second}
		var terminated bool
		for i, event := range events {
			now := after(time.Duration(i) * time.Second)
			switch event % 4 {
			case 0:
				m.Ready()
			case 1:
				m.Signal(Terminate, now)
				terminated = true
			case 2:
				m.Signal(Interrupt, now)
			case 3:
				m.Stop()
			}
			v := m.Judge(now, Pending{Known: i%2 == 0, Items: int64(i % 3)})
			if v.Wait > m.Max || (v.Wait > 0) == (v.Outcome != "") {
				t.Fatalf("after %v: Judge() = %+v", events[:i+1], v)
			}
			if v.Wait > 0 && !terminated {
				t.Fatalf("after %v: hold without SIGTERM", events[:i+1])
			}
		}
	})
}

func TestMachineWaitsForWhatIsPending(t *testing.T) {
	some, none, unknown := Pending{Known: true, Items: 7}, Pending{Known: true}, Pending{Items: 7}
	for _, tt := range []struct {
		name     string
		min, max time.Duration
		at       time.Duration
		pending  Pending
		want     Verdict
	}{
		{"the least time is held with nothing pending", 5 * time.Second, 25 * time.Second, 4 * time.Second, none, Verdict{Wait: time.Second}},
		{"nothing is pending after it", 5 * time.Second, 25 * time.Second, 5 * time.Second, none, Verdict{Outcome: Delivered}},
		{"something is", 5 * time.Second, 25 * time.Second, 5 * time.Second, some, Verdict{Wait: look}},
		{"something is near the end", 5 * time.Second, 25 * time.Second, 25*time.Second - 1, some, Verdict{Wait: 1}},
		{"something is at the end", 5 * time.Second, 25 * time.Second, 25 * time.Second, some, Verdict{Outcome: GivenUp}},
		{"nobody knows", 5 * time.Second, 25 * time.Second, 5 * time.Second, unknown, Verdict{Outcome: Held}},
		{"no least time", 0, 25 * time.Second, 0, some, Verdict{Wait: look}},
		{"no longest time", 5 * time.Second, 0, 5 * time.Second, some, Verdict{Outcome: GivenUp}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Machine{Min: tt.min, Max: tt.max}
			m.Ready()
			m.Signal(Terminate, t0)
			m.Stop()
			if got := m.Judge(after(tt.at), tt.pending); got != tt.want {
				t.Errorf("Judge() = %+v, want %+v", got, tt.want)
			}
		})
	}
}
