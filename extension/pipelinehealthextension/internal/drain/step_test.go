// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/intake"
)

func terminated(least, longest time.Duration) *Machine {
	m := &Machine{Min: least, Max: longest}
	m.Ready()
	m.Signal(Terminate, t0)
	m.Stop()
	return m
}

func TestStep(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name           string
		least, longest time.Duration
		at             time.Duration
		want           intake.Step
	}{
		{"at the signal", 5 * s, 25 * s, 0, intake.NotReady},
		{"until the least time", 5 * s, 25 * s, 5*s - 1, intake.NotReady},
		{"from the least time on", 5 * s, 25 * s, 5 * s, intake.LetGo},
		{"for long", 5 * s, 25 * s, 23*s - 1, intake.LetGo},
		{"shortly before the end", 5 * s, 25 * s, 23 * s, intake.Refuse},
		{"after it", 5 * s, 25 * s, time.Hour, intake.Refuse},
		{"a short drain has a shorter end", 1 * s, 3 * s, 2*s - 1, intake.LetGo},
		{"its end", 1 * s, 3 * s, 2 * s, intake.Refuse},
		{"without a longest time nothing is refused", 5 * s, 0, time.Hour, intake.LetGo},
		{"at least as long as at most", 5 * s, 5 * s, time.Hour, intake.LetGo},
		{"no least time", 0, 25 * s, 0, intake.LetGo},
		{"disabled", 0, 0, 0, intake.Open},
	} {
		if got := terminated(tt.least, tt.longest).Step(after(tt.at)); got != tt.want {
			t.Errorf("%s: Step() = %d, want %d", tt.name, got, tt.want)
		}
	}
	var m Machine
	m.Min, m.Max = 5*s, 25*s
	for name, change := range map[string]func(){"starting": func() {}, "running": m.Ready, "a reload": m.Stop, "an interrupt": func() { m.Signal(Interrupt, t0) }} {
		change()
		if got := m.Step(t0); got != intake.Open {
			t.Errorf("%s: Step() = %d", name, got)
		}
	}
}

func TestSendersGetAMoment(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name           string
		least, longest time.Duration
		at             time.Duration
		pending        Pending
		want           Verdict
	}{
		{"they have yet to leave", 5 * s, 25 * s, 5 * s, Pending{Known: true, Senders: 1}, Verdict{Wait: look}},
		{"the moment is nearly over", 5 * s, 25 * s, 6*s - 30*time.Millisecond, Pending{Known: true, Senders: 1}, Verdict{Wait: 30 * time.Millisecond}},
		{"it is over", 5 * s, 25 * s, 6 * s, Pending{Known: true, Senders: 1}, Verdict{Outcome: Delivered}},
		{"they have left", 5 * s, 25 * s, 5 * s, Pending{Known: true}, Verdict{Outcome: Delivered}},
		{"also where nothing is known", 5 * s, 25 * s, 5 * s, Pending{Senders: 1}, Verdict{Wait: look}},
		{"but not beyond the longest time", 5 * s, 5 * s, 5 * s, Pending{Senders: 1}, Verdict{Outcome: Held}},
	} {
		if got := terminated(tt.least, tt.longest).Judge(after(tt.at), tt.pending); got != tt.want {
			t.Errorf("%s: Judge() = %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestAdvice(t *testing.T) {
	config := map[string]any{
		"processors": map[string]any{
			"tail_sampling":       nil,
			"tail_sampling/quick": map[string]any{"decision_wait": "10s"},
			"tail_sampling/slow":  map[string]any{"decision_wait": "1m"},
			"batch/unused":        nil,
		},
		"service": map[string]any{"pipelines": map[string]any{
			"traces":   map[string]any{"processors": []any{"memory_limiter", "tail_sampling", "tail_sampling/quick"}},
			"traces/2": map[string]any{"processors": []any{"tail_sampling/slow", "tail_sampling"}},
			"logs":     map[string]any{"processors": []any{"batch"}},
		}},
	}
	advice := Advice(config, "pipeline_health", 25*time.Second)
	wants := [][]string{
		{"processors::batch in service::pipelines::logs", "sending_queue::batch"},
		{"processors::tail_sampling/slow::decision_wait is 1m0s", "extensions::pipeline_health::drain::max"},
		{"processors::tail_sampling::decision_wait is 30s"},
	}
	if len(advice) != len(wants) || !slices.IsSorted(advice) {
		t.Fatalf("Advice() = %q", advice)
	}
	for i, want := range wants {
		for _, text := range want {
			if !strings.Contains(advice[i], text) {
				t.Errorf("Advice()[%d] = %q, without %q", i, advice[i], text)
			}
		}
	}
	if advice := Advice(config, "pipeline_health", 0); advice != nil {
		t.Errorf("without a drain: %q", advice)
	}
}
