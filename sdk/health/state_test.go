// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheWorstPartDecidesWithinItsSeverity(t *testing.T) {
	critical := func(s Status) part { return part{s, Critical} }
	warning := func(s Status) part { return part{s, Warning} }
	tests := []struct {
		name  string
		parts []part
		want  Status
		ready bool
	}{
		{"no parts", nil, Healthy, true},
		{"all well", []part{critical(Healthy), warning(Healthy)}, Healthy, true},
		{"nothing known of a critical part", []part{critical(Unknown), critical(Healthy)}, Unknown, false},
		{"nothing known of a part to do without", []part{warning(Unknown), critical(Healthy)}, Healthy, true},
		{"a critical part is degraded", []part{critical(Degraded), critical(Healthy)}, Degraded, true},
		{"a critical part is down", []part{warning(Degraded), critical(Unhealthy)}, Unhealthy, false},
		{"a part to do without is degraded", []part{warning(Degraded)}, Degraded, true},
		{"a part to do without is down", []part{warning(Unhealthy), critical(Healthy)}, Degraded, true},
		{"trouble is worse than not knowing", []part{critical(Unknown), warning(Unhealthy)}, Degraded, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, whole(tt.parts))
			assert.Equal(t, tt.ready, ready(tt.parts))
		})
	}
}

func TestOnlyThresholdResultsInARowMakeACheckWorse(t *testing.T) {
	tests := []struct {
		name      string
		threshold int
		results   []Status
		want      []Status
	}{
		{"at once", 1, []Status{Healthy, Unhealthy, Healthy}, []Status{Healthy, Unhealthy, Healthy}},
		{"three in a row", 3, []Status{Healthy, Unhealthy, Unhealthy, Unhealthy}, []Status{Healthy, Healthy, Healthy, Unhealthy}},
		{"a good one between", 2, []Status{Healthy, Unhealthy, Healthy, Unhealthy, Unhealthy}, []Status{Healthy, Healthy, Healthy, Healthy, Unhealthy}},
		{"the last of the row counts", 2, []Status{Healthy, Unhealthy, Degraded}, []Status{Healthy, Healthy, Degraded}},
		{"from bad to worse", 2, []Status{Degraded, Degraded, Unhealthy, Unhealthy}, []Status{Unknown, Degraded, Degraded, Unhealthy}},
		{"better at once", 3, []Status{Unhealthy, Unhealthy, Unhealthy, Degraded, Healthy}, []Status{Unknown, Unknown, Unhealthy, Degraded, Healthy}},
		{"not knowing is no worse", 3, []Status{Healthy, Unknown, Healthy}, []Status{Healthy, Unknown, Healthy}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s state
			for i, result := range tt.results {
				before := s.status
				now := time.Unix(int64(i), 0)
				changed := s.judge(Result{Status: result}, tt.threshold, now)
				assert.Equal(t, tt.want[i], s.status, "after result %d", i)
				assert.Equal(t, before != s.status, changed)
				if changed {
					assert.Equal(t, now, s.since)
				}
			}
		})
	}
}

func TestTheMessageIsThatOfTheResultThatCounts(t *testing.T) {
	var s state
	s.judge(Result{Status: Healthy, Message: "fine"}, 2, time.Time{})
	s.judge(Result{Status: Unhealthy, Message: "once"}, 2, time.Time{})
	assert.Equal(t, "fine", s.message)
	s.judge(Result{Status: Unhealthy, Message: "twice"}, 2, time.Time{})
	assert.Equal(t, "twice", s.message)
	s.judge(Result{Status: Unhealthy, Message: "still"}, 2, time.Time{})
	assert.Equal(t, "still", s.message)
}
