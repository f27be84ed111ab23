// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fairness

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var (
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	noisy = Engine{"engine", "noisy"}
	calm  = Engine{"engine", "calm"}
)

func table() *Table { return New(Limits{PerSecond: 100, Burst: 1000, Max: 3}) }

func (t *Table) ask(e Engine, items int, after time.Duration) (time.Duration, bool) {
	return t.Admit([]Share{{e, items}}, start.Add(after))
}

func TestAnEngineOverItsShareWaits(t *testing.T) {
	f := table()
	for _, step := range []struct {
		engine Engine
		items  int
		after  time.Duration
		wait   time.Duration
		ok     bool
	}{
		{noisy, 999, 0, 0, true},
		{noisy, 500, 0, 0, true}, // more than what is left: 499 of debt
		{noisy, 1, 0, 5 * time.Second, false},
		{calm, 1000, 0, 0, true}, // is another
		{noisy, 1, 4 * time.Second, time.Second, false},
		{noisy, 1, 5 * time.Second, 0, true},
		{noisy, 1, 5 * time.Second, 10 * time.Millisecond, false},
		{noisy, 1, time.Second, 10 * time.Millisecond, false}, // the clock steps back
		{noisy, 1000, time.Hour, 0, true},
		{noisy, 0, time.Hour, 0, true}, // a sign of life
	} {
		wait, ok := f.ask(step.engine, step.items, step.after)
		if ok != step.ok || wait != step.wait {
			t.Errorf("%+v: got %v, %v", step, wait, ok)
		}
	}
}

func TestARequestOfManyWaitsForTheBestOfThem(t *testing.T) {
	f := table()
	f.ask(noisy, 2000, 0)
	both := []Share{{noisy, 10}, {calm, 10}}
	if _, ok := f.Admit(both, start); !ok {
		t.Error("the calm one has something left")
	}
	f.ask(calm, 1000, 0)
	wait, ok := f.Admit(both, start)
	if ok || wait != 110*time.Millisecond {
		t.Errorf("got %v, %v", wait, ok)
	}
	if _, ok = f.Admit(nil, start); !ok {
		t.Error("an empty request passes")
	}
}

func TestWhoHasNoRoomSharesOneShare(t *testing.T) {
	f := table()
	for i := range 3 {
		f.ask(Engine{"engine", fmt.Sprint(i)}, 1, 0)
	}
	if _, ok := f.ask(noisy, 2000, 0); !ok {
		t.Error("the shared share is whole")
	}
	if _, ok := f.ask(calm, 1, 0); ok {
		t.Error("the shared share is used up")
	}
	if _, ok := f.ask(Engine{"engine", "0"}, 1, 0); !ok {
		t.Error("who has room does not notice")
	}
	if _, ok := f.ask(calm, 1, time.Minute); !ok || f.Len() != 1 {
		t.Errorf("whole shares make room: %d engines", f.Len())
	}
}

// Whatever the pattern, nobody gets more than the burst, the rate over the time,
// and one request.
func TestNobodyGetsMoreThanTheRate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		f, passed, now := table(), 0, time.Duration(0)
		for range 200 {
			now += time.Duration(r.IntN(3000)) * time.Millisecond
			items := r.IntN(2000)
			wait, ok := f.ask(noisy, items, now)
			if ok {
				passed += items
				continue
			}
			now += wait
			if again, ok := f.ask(noisy, 1, now); !ok {
				t.Fatalf("after %v the wait is %v", wait, again)
			}
			passed++
		}
		if most := 1000 + 100*now.Seconds() + 2000; float64(passed) > most {
			t.Fatalf("%d items passed in %v", passed, now)
		}
	}
}

func TestTableIsConcurrentSafe(t *testing.T) {
	f := table()
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := range 200 {
				f.ask(Engine{"engine", fmt.Sprint(g, i%5)}, 10, time.Duration(i)*time.Millisecond)
			}
		})
	}
	group.Wait()
	if f.Len() > 3 {
		t.Errorf("%d engines", f.Len())
	}
}
