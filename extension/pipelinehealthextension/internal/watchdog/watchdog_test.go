// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"slices"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/heartbeat"
)

// clock looks once a second, as it passes.
type clock struct {
	dog  Dog
	now  time.Time
	hung []string
}

func (c *clock) pass(d time.Duration, turning ...heartbeat.Loop) {
	for range int(d / time.Second) {
		c.now = c.now.Add(time.Second)
		for _, l := range turning {
			l.Turn()
		}
		c.hung = c.dog.Look(c.now)
	}
}

func (c *clock) want(t *testing.T, when string, names ...string) {
	t.Helper()
	if !slices.Equal(c.hung, names) {
		t.Errorf("%s: %q hang, want %q", when, c.hung, names)
	}
}

func TestALoopThatStopsTurningHangs(t *testing.T) {
	c := clock{now: time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)}
	c.dog.Look(c.now)
	quick, _ := c.dog.Watch("quick", time.Second)
	slow, _ := c.dog.Watch("slow", 30*time.Second)
	c.pass(time.Hour, quick, slow)
	c.want(t, "all turn")
	c.pass(59*time.Second, slow)
	c.want(t, "a minute is not too long")
	c.pass(2*time.Second, slow)
	c.want(t, "longer is", "quick")
	c.pass(299 * time.Second)
	c.want(t, "ten turns of half a minute", "quick")
	c.pass(2 * time.Second)
	c.want(t, "and longer", "quick", "slow")
	c.pass(time.Second, quick)
	c.want(t, "one turns again", "slow")
}

func TestWaitingForOthersIsNotHanging(t *testing.T) {
	var c clock
	c.dog.Look(c.now)
	l, remove := c.dog.Watch("receiver", time.Second)
	l.Away()
	c.pass(time.Hour)
	c.want(t, "away")
	l.Turn()
	c.pass(time.Minute)
	c.want(t, "back")
	c.pass(time.Second)
	c.want(t, "and hung", "receiver")
	remove()
	remove()
	c.pass(time.Second)
	c.want(t, "removed")
}

func TestSleepIsNotHanging(t *testing.T) {
	var c clock
	c.dog.Look(c.now)
	_, _ = c.dog.Watch("receiver", time.Second)
	for _, jump := range []time.Duration{time.Hour, -time.Hour, time.Hour} { // suspended, or a clock that was set
		c.now = c.now.Add(jump)
		c.pass(time.Second)
		c.want(t, jump.String())
	}
	c.pass(50 * time.Second)
	c.want(t, "awake for less than a minute")
	c.pass(10 * time.Second)
	c.want(t, "awake for longer", "receiver")
}

func TestATurnCostsNoMemoryConcurrentSafe(t *testing.T) {
	var d Dog
	l, _ := d.Watch("receiver", time.Second)
	go d.Look(time.Now())
	if n := testing.AllocsPerRun(100, func() { l.Away(); l.Turn() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
