// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"math/rand/v2"
	"testing"
	"time"
)

// at is a time of day in seconds.
func at(seconds float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

// request says when the newest point is of, when it arrives, and the timestamp
// with which it must leave.
type request struct{ says, arrives, leaves float64 }

func TestTimestampsThatLeave(t *testing.T) {
	for name, requests := range map[string][]request{
		"a clock that goes right": {{0, 0, 0}, {10, 10, 10}, {20, 20.3, 20}, {20, 20.3, 20}},
		"a clock set forward":     {{0, 0, 0}, {10, 10, 10}, {80, 20, 80}, {90, 30, 90}},
		"a clock set back": {
			{50, 50, 50},
			{60, 60, 60},
			{30, 70, 30},
			{40, 80, 65},
			{50, 90, 70},
			{60, 100, 75},
			{70, 110, 80},
			{80, 120, 85},
			{90, 130, 90},
			{100, 140, 100},
		},
		"set back twice": {
			{60, 60, 60}, {30, 70, 30}, {40, 80, 65}, {20, 90, 45}, {30, 100, 70}, {40, 110, 75},
		},
		"set back by more than makes sense": {{100_000, 0, 100_000}, {10, 10, 10}, {20, 20, 20}, {30, 30, 30}},
		"one request late":                  {{0, 0, 0}, {20, 20, 20}, {10, 21, 10}, {30, 30, 30}},
		"two requests late, in a heap":      {{0, 0, 0}, {30, 30, 30}, {10, 31, 10}, {20, 31.1, 20}, {40, 40, 40}},
		"two ways, one slower by 30 s":      {{60, 60, 60}, {30, 61, 30}, {70, 70, 70}, {40, 71, 40}, {80, 80, 80}},
	} {
		t.Run(name, func(t *testing.T) {
			var c Clock
			for i, r := range requests {
				shift := c.Follow(at(r.says), at(r.arrives))
				if got := at(r.says).Add(shift); !got.Equal(at(r.leaves)) {
					t.Errorf("request %d leaves with %v, want %v", i, got.Sub(at(0)), at(r.leaves).Sub(at(0)))
				}
			}
		})
	}
}

// However often a clock is set, what leaves goes on one request after it was set
// last, and is never behind what the engine says.
func TestAClockThatIsSetAtRandomIsFollowed(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 200 {
		var c Clock
		now, offset := 0.0, 0.0
		left, sets, dark := time.Time{}, 0, 0
		for range 100 {
			now += 10
			if random.IntN(10) == 0 {
				offset += random.Float64()*120 - 60
				sets++
			}
			newest := at(now + offset)
			shift := c.Follow(newest, at(now))
			if shift < 0 || shift > maxLead {
				t.Fatalf("shifted by %v", shift)
			}
			if out := newest.Add(shift); out.Before(left) {
				dark++
			} else {
				left, sets, dark = out, 0, 0
			}
			if dark > sets {
				t.Fatalf("nothing was taken %d times after the clock was set %d times", dark, sets)
			}
		}
	}
}
