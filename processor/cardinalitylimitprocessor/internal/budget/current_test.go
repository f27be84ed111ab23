// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What is found without the lock is what would be found with it.
func TestCurrentAgreesWithTheLock(t *testing.T) {
	table := roomy(100_000)
	series := fingerprints(50_000)
	found, missed := 0, 0
	for i, f := range series {
		table.Admit(own(0, 0), f, Tick(i%3))
	}
	for i, f := range series {
		s := table.shard(f)
		for at := range Tick(4) {
			switch s.look(f&remainder, at) {
			case absent:
				t.Fatal("a series that was admitted is absent")
			case current:
				if at != Tick(i%3) {
					t.Fatalf("series seen at %d is current at %d", i%3, at)
				}
				found++
			}
		}
		switch table.shard(^f).look(^f&remainder, 0) {
		case current:
			t.Fatal("a series that nobody admitted is current")
		case absent:
			missed++
		}
	}
	if found < len(series)*95/100 {
		t.Errorf("%d of %d series are found without the lock, want nearly all", found, len(series))
	}
	if missed < len(series)*3/4 {
		t.Errorf("%d of %d series that nobody admitted are missed without the lock, want most", missed, len(series))
	}
}

// Series that stay are never missed, and others never seen, while everything around them
// comes, goes, moves and expires.
func TestCurrentConcurrentSafe(t *testing.T) {
	table := New(Limits{Series: 1 << 20, SeriesPerMetric: 1 << 20, Metrics: 10, TTL: time.Hour}, start)
	rng := rand.New(rand.NewPCG(5, 5))
	// All in few shards, so that they meet.
	near := func() uint64 { return rng.Uint64()&remainder | rng.Uint64N(2)<<56 }
	stay, never := make([]uint64, 500), make([]uint64, 500)
	for i := range stay {
		stay[i], never[i] = near(), near()
		table.Admit(own(0, 0), stay[i], 0)
	}
	churn := make([][]uint64, 2)
	for g := range churn {
		for range 2000 {
			churn[g] = append(churn[g], near())
		}
	}
	var tick atomic.Int32
	var race sync.WaitGroup
	for g := range churn {
		race.Go(func() {
			for round := range 30 {
				for _, f := range churn[g] {
					table.Admit(own(0, 1), f, Tick(tick.Load()))
				}
				for _, f := range churn[g] {
					table.Release(f)
				}
				if round%4 == 0 { // never so far that what stays could expire while nobody looks
					tick.Add(1)
				}
				table.Sweep(Tick(tick.Load()))
			}
		})
	}
	for range 2 {
		race.Go(func() {
			for range 200 {
				at := Tick(tick.Load())
				for i := range stay {
					if table.shard(stay[i]).look(stay[i]&remainder, at) == absent {
						t.Error("a series that stays is absent")
						return
					}
					if v := table.Admit(own(0, 0), stay[i], at); v != Known && v != Renewed {
						t.Errorf("a series that stays: verdict %d", v)
						return
					}
					if table.shard(never[i]).look(never[i]&remainder, at) == current {
						t.Error("a series that never came is current")
						return
					}
				}
			}
		})
	}
	race.Wait()
	if got := Tick(tick.Load()); got >= ticksPerTTL {
		t.Errorf("the test went on for %d ticks, want less than a time to live", got)
	}
}
