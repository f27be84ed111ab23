// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestSilentSeriesExpire(t *testing.T) {
	table := New(Limits{SeriesPerMetric: 2, Series: 2, Metrics: 1, TTL: 20 * time.Minute}, start)
	table.Admit(own(1, 1), 11, at(table, 0))
	table.Admit(own(1, 1), 12, at(table, 0))
	table.Admit(own(1, 1), 12, at(table, 15*time.Minute))

	if n, looked := table.Sweep(at(table, 20*time.Minute)); n != 0 || !looked {
		t.Errorf("Sweep at the very end = %d, %v, want 0, true", n, looked)
	}
	if n, looked := table.Sweep(at(table, 20*time.Minute+time.Second)); n != 0 || looked {
		t.Errorf("Sweep a second later = %d, %v, want 0, false", n, looked)
	}
	if n, _ := table.Sweep(at(table, 21*time.Minute)); n != 1 {
		t.Errorf("Sweep after the time to live = %d, want 1", n)
	}
	expect(t, "a series with points", table.Admit(own(1, 1), 12, at(table, 21*time.Minute)), Renewed)
	expect(t, "a new series in the free place", table.Admit(own(1, 1), 13, at(table, 21*time.Minute)), AddedHigh)
	expect(t, "the expired series", table.Admit(own(1, 1), 11, at(table, 21*time.Minute)), MetricFull)
}

func TestOwnersGoWithTheirLastSeries(t *testing.T) {
	table := New(Limits{SeriesPerMetric: 1, Series: 9, Metrics: 1, Tenants: 1, TTL: time.Minute}, start)
	for generation := range uint64(3) {
		now := at(table, time.Duration(generation)*time.Hour)
		table.Sweep(now)
		expect(t, "a new owner", table.Admit(own(generation, generation), generation, now), AddedHigh)
		if got := table.Usage(); got.Tenants != 1 || got.Metrics != 1 {
			t.Errorf("generation %d: Usage() = %+v", generation, got)
		}
	}
}

func TestAFloodOfOwnersLeavesNoMemoryBehind(t *testing.T) {
	table := New(Limits{SeriesPerMetric: 1, Series: 1e5, Metrics: 1e5, TTL: time.Hour}, start)
	for i := range uint64(1e5) {
		table.Admit(own(i%100, i), i*0x9e3779b97f4a7c15, Tick(i/50_000))
	}
	table.Sweep(ticksPerTTL + 1)
	for i := range uint64(10) {
		table.Admit(own(i, i), i, ticksPerTTL+2)
	}
	table.Sweep(ticksPerTTL + 2)
	for name, d := range map[string]*directory{"cells": &table.cells, "metrics": &table.metrics, "tenants": &table.tenants} {
		if d.used != 10 || len(d.pages) > 400 || len(d.index) > 400 {
			t.Errorf("%s: %d in use, %d pages, index of %d", name, d.used, len(d.pages), len(d.index))
		}
	}
	bytes := 0
	for i := range table.shards {
		bytes += len(table.shards[i].mem)
	}
	if bytes > shardCount*2*(lineSize+1+4*groupSize) {
		t.Errorf("shards with 10 series hold %d bytes", bytes)
	}
}

// The clock of a series has 128 positions. For every age, for any time between sweeps,
// and with series from after the moment of the sweep, it must not be taken for another.
func TestTheClockIsNeverMistaken(t *testing.T) {
	for age := range Tick(160) {
		for _, gap := range []Tick{1, 10, 21, 63, 64, 65, 83, 84, 85, 107, 108, 127, 128, 129, 149, 200, 255, 256, 257} {
			for _, ahead := range []Tick{0, 1, 30} {
				table := New(Limits{Series: 2, SeriesPerMetric: 2, Metrics: 1, TTL: time.Hour}, start)
				first := Tick(1000)
				steps := []struct {
					series uint64 // zero: sweep
					at     Tick
				}{{0, first}, {1, first + gap - age}, {2, first + gap + ahead}, {0, first + gap}}
				swept, want := Tick(0), map[uint64]Tick{} // as the documentation has it, with unbounded numbers
				for _, step := range steps {
					if step.at > swept && (step.series == 0 || step.at-swept > clockAhead) {
						swept = step.at
						for series, seen := range want {
							if seen < swept-ticksPerTTL {
								delete(want, series)
							}
						}
					}
					if step.series == 0 {
						table.Sweep(step.at)
						continue
					}
					table.Admit(own(1, 1), step.series, step.at)
					want[step.series] = max(step.at, swept-ticksPerTTL)
				}
				for series := uint64(1); series <= 2; series++ {
					_, known := want[series]
					if got := table.Peek(own(1, 1), series) == Known; got != known {
						t.Fatalf("age %d, %d ticks since the last sweep, another %d ahead: series %d known = %v", age, gap, ahead, series, got)
					}
				}
			}
		}
	}
}

func TestWithoutSweepsNothingIsMistakenEither(t *testing.T) {
	table := New(Limits{Series: 1000, SeriesPerMetric: 1000, Metrics: 1, TTL: time.Hour}, start)
	table.Admit(own(1, 1), 1, 0)
	for now := Tick(1); now <= 200; now++ {
		table.Admit(own(1, 1), 2, now) // in the same shard
	}
	expect(t, "as old as the clock is long", table.Peek(own(1, 1), 2), Known)
	n, _ := table.Sweep(200)
	if n != 1 {
		t.Errorf("%d expired, want 1, found early or not", n)
	}
	expect(t, "a series of 200 ticks ago", table.Peek(own(1, 1), 1), Added)
	expect(t, "a series of now", table.Admit(own(1, 1), 2, 200), Known)
	if got, want := table.Churn(), (Churn{Added: 2, Expired: 1}); got != want {
		t.Errorf("Churn() = %+v, want %+v", got, want)
	}
}

// Fingerprints that nobody can craft without the seed must still not break anything.
func TestHostileFingerprints(t *testing.T) {
	const n = 1200
	for name, series := range map[string]func(i uint64) uint64{
		"in one shard":                  func(i uint64) uint64 { return i * 0x9e3779b97f4a7c15 >> 8 },
		"in one group":                  func(i uint64) uint64 { return 42<<56 | i },
		"in the last group":             func(i uint64) uint64 { return 42<<56 | 0xffffffff<<24 | i },
		"in one group, with one tag":    func(i uint64) uint64 { return 42<<56 | i<<8 },
		"in one group of several homes": func(i uint64) uint64 { return i<<40 | i },
	} {
		t.Run(name, func(t *testing.T) {
			table := New(Limits{Series: n, SeriesPerMetric: n, Metrics: 1, TTL: time.Hour}, start)
			order := rand.New(rand.NewPCG(3, 4)).Perm(n)
			for round := range 2 {
				for _, i := range order {
					if v := table.Admit(own(1, 1), series(uint64(i)), 0); v != Added && v != AddedHigh {
						t.Fatalf("round %d: verdict %d, want added", round, v)
					}
				}
				expect(t, "one too many", table.Admit(own(1, 1), ^uint64(0), 0), MetricFull)
				for _, i := range order {
					if !table.Release(series(uint64(i))) {
						t.Fatalf("round %d: a series got lost", round)
					}
				}
			}
		})
	}
}
