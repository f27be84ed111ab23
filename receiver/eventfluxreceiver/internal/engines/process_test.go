// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"testing"
	"time"
)

func TestANewProcessUnderAnIdentityIsARestart(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	up := func(s int) time.Duration { return time.Duration(s) * time.Second }
	tests := map[string]struct {
		exports []Process
		want    int64
	}{
		"the same one":                      {[]Process{{"7", at(0), up(1)}, {"7", at(0), up(2)}}, 0},
		"another process id":                {[]Process{{"7", at(0), 0}, {"8", at(60), 0}}, 1},
		"a container has one process id":    {[]Process{{"1", at(0), 0}, {"1", at(60), 0}, {"1", at(60), 0}}, 1},
		"only a process id":                 {[]Process{{PID: "7"}, {PID: "8"}, {PID: "8"}}, 1},
		"only an uptime":                    {[]Process{{Uptime: up(100)}, {Uptime: up(1)}}, 1},
		"an uptime that comes late":         {[]Process{{Uptime: up(100)}, {Uptime: up(99)}}, 0},
		"data of the last process":          {[]Process{{"8", at(60), up(1)}, {"7", at(0), up(60)}, {"8", at(60), up(2)}}, 0},
		"start times that are worked out":   {[]Process{{"7", at(0), 0}, {"7", at(1), 0}}, 0},
		"what is learned later":             {[]Process{{}, {"7", at(5), 0}, {}, {"7", at(5), 0}}, 0},
		"an uptime beside a start time":     {[]Process{{"1", at(0), up(100)}, {"1", at(0), up(1)}}, 0},
		"start times are the better source": {[]Process{{"1", at(0), up(9)}, {"1", time.Time{}, up(10)}, {"1", at(60), up(1)}}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := New(limits)
			r.Add(nodeA, "", start)
			for _, p := range tt.exports {
				r.Saw(nodeA, p, 0, start)
			}
			lives, _ := r.Lives(start)
			if got := lives[0].Restarts; got != tt.want {
				t.Errorf("Restarts = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestARestartEndsAGoodbyeAtOnce(t *testing.T) {
	r := New(limits)
	r.Add(nodeA, "", start)
	r.Saw(nodeA, Process{PID: "7"}, 0, start)
	r.Goodbye(nodeA, start)
	r.Add(nodeA, "", start.Add(time.Second))
	r.Saw(nodeA, Process{PID: "8"}, 0, start)
	if lives, _ := r.Lives(start.Add(time.Second)); lives[0].State.String() != "up" {
		t.Errorf("State = %s, want up", lives[0].State)
	}
}

func TestTheSkewIsAMeanOfWhatTheEngineItselfSent(t *testing.T) {
	r := New(limits)
	r.Clock(nodeA, time.Hour) // no engine
	r.Add(nodeA, "", start)
	if lives, _ := r.Lives(start); lives[0].SkewKnown {
		t.Error("nothing is known yet")
	}
	r.Clock(nodeA, 10*time.Second)
	r.Clock(nodeA, 20*time.Second)
	if lives, _ := r.Lives(start); lives[0].Skew != 12*time.Second || !lives[0].SkewKnown {
		t.Errorf("Skew = %s, want 12s", lives[0].Skew)
	}
}
