// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

const backend = "backend:4317"

// course plays attempts, one after the other at an interval, and calls changed when what is
// wrong changes. Fails says which attempts fail; the verdict is asked for every second too.
type course struct {
	d       Destinations
	now     time.Time
	wrong   Kind
	changed func(Kind, time.Time)
}

func newCourse(changed func(k Kind, at time.Time)) *course {
	return &course{now: start, changed: changed}
}

func (c *course) play(attempts int, interval time.Duration, fails func() bool) {
	for range attempts {
		a := c.d.Begin(backend, c.now)
		c.ask()
		if fails() {
			c.d.Failed(a, "Unavailable", c.now)
		} else {
			c.d.Succeeded(a, c.now)
		}
		c.ask()
		c.pass(interval)
	}
}

func (c *course) pass(d time.Duration) {
	for ; d > time.Second; d -= time.Second {
		c.now = c.now.Add(time.Second)
		c.ask()
	}
	c.now = c.now.Add(d)
	c.ask()
}

func (c *course) ask() {
	wrong := None
	troubles, _ := c.d.Troubles(c.now)
	for _, t := range troubles {
		wrong = t.Kind
	}
	if (wrong == None) != (c.wrong == None) {
		c.changed(wrong, c.now)
	}
	c.wrong = wrong
}

func always() bool { return true }
func never() bool  { return false }

func TestAnOutageIsSeenAndItsEndToo(t *testing.T) {
	for _, interval := range []time.Duration{time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond} {
		t.Run(interval.String(), func(t *testing.T) {
			var changes []time.Time
			c := newCourse(func(_ Kind, at time.Time) { changes = append(changes, at) })
			c.play(100, interval, never)
			down := c.now
			c.play(int(time.Minute/interval), interval, always)
			up := c.now
			c.play(int(time.Minute/interval), interval, never)
			if len(changes) != 2 {
				t.Fatalf("%d changes, want 2: %v", len(changes), changes)
			}
			if late := changes[0].Sub(down); late > 1500*time.Millisecond {
				t.Errorf("the outage was seen after %s", late)
			}
			if late := changes[1].Sub(up); late > calm+time.Second {
				t.Errorf("its end was seen after %s", late)
			}
		})
	}
}

// A backend that fails half of its calls is one trouble.
func TestAHalfFailingBackendDoesNotFlap(t *testing.T) {
	for _, interval := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second} {
		for seed := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, uint64(interval)))
			changes := 0
			c := newCourse(func(Kind, time.Time) { changes++ })
			c.play(int(2*time.Minute/interval), interval, func() bool { return rng.IntN(2) == 0 })
			if changes != 1 || c.wrong == None {
				t.Errorf("interval %s, seed %d: %d changes, in the end %d", interval, seed, changes, c.wrong)
			}
		}
	}
}

// One error in a hundred is nothing that anybody should hear of.
func TestRareErrorsAreNoTrouble(t *testing.T) {
	for _, interval := range []time.Duration{250 * time.Millisecond, time.Second, 5 * time.Second} {
		for seed := range uint64(2) {
			rng := rand.New(rand.NewPCG(seed, uint64(interval)))
			c := newCourse(func(k Kind, at time.Time) {
				t.Errorf("interval %s, seed %d: %d after %s", interval, seed, k, at.Sub(start))
			})
			c.play(int(24*time.Hour/interval), interval, func() bool { return rng.IntN(100) == 0 })
		}
	}
}

func TestAttemptsThatDoNotComeBackAreSeen(t *testing.T) {
	var d Destinations
	d.Succeeded(d.Begin(backend, start), start)
	first := d.Begin(backend, start.Add(time.Minute))
	d.Begin(backend, start.Add(time.Minute+3*time.Second))
	at := start.Add(time.Minute + unansweredAfter)
	if troubles, _ := d.Troubles(at.Add(-1)); len(troubles) > 0 {
		t.Errorf("too early: %v", troubles)
	}
	troubles, _ := d.Troubles(at)
	if len(troubles) != 1 || troubles[0].Kind != Unanswered || !troubles[0].Since.Equal(start.Add(time.Minute)) {
		t.Fatalf("Troubles() = %+v", troubles)
	}
	d.Succeeded(first, at)
	if troubles, _ = d.Troubles(at.Add(time.Second)); len(troubles) != 1 {
		t.Error("one answer is not enough to believe that it is well")
	}
}

func TestASingleFailureCountsWhenNoRetryHelps(t *testing.T) {
	var d Destinations
	d.Failed(d.Begin(backend, start), "timeout", start)
	if troubles, _ := d.Troubles(start.Add(outageAlone - 1)); len(troubles) > 0 {
		t.Errorf("too early: %v", troubles)
	}
	if troubles, _ := d.Troubles(start.Add(outageAlone)); len(troubles) != 1 || troubles[0].Reason != "timeout" {
		t.Errorf("Troubles() = %v", troubles)
	}
}

func TestWhatThisSideGivesUpIsNoFailure(t *testing.T) {
	c := newCourse(func(k Kind, _ time.Time) { t.Errorf("changed to %d", k) })
	for range 100 {
		c.d.Abandoned(c.d.Begin(backend, c.now), c.now)
		c.pass(time.Second)
	}
}

func TestADestinationThatNobodyTriesIsForgotten(t *testing.T) {
	c := newCourse(func(Kind, time.Time) {})
	c.play(5, time.Second, always)
	if c.wrong != Failing {
		t.Fatalf("wrong = %d", c.wrong)
	}
	c.pass(forgetAfter)
	if _, known := c.d.Troubles(c.now); known != 0 || c.wrong != None {
		t.Errorf("%d destinations are known, wrong = %d", known, c.wrong)
	}
}

func TestDestinationsAreBounded(t *testing.T) {
	var d Destinations
	for i := range 3 * maxDestinations {
		now := start.Add(time.Duration(i) * time.Millisecond)
		d.Succeeded(d.Begin(fmt.Sprint(i), now), now)
	}
	_, known := d.Troubles(start.Add(time.Second))
	if known != maxDestinations {
		t.Errorf("%d destinations are known, want %d", known, maxDestinations)
	}
}

func TestAnAttemptAllocatesNothing(t *testing.T) {
	var d Destinations
	d.Succeeded(d.Begin(backend, start), start)
	if n := testing.AllocsPerRun(100, func() { d.Failed(d.Begin(backend, start), "timeout", start) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAttempt(b *testing.B) {
	var d Destinations
	for b.Loop() {
		a := d.Begin(backend, time.Now())
		d.Succeeded(a, time.Now())
	}
}
