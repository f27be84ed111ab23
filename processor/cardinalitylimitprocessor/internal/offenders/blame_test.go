// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import (
	"strconv"
	"testing"
	"time"
)

// route, status and user, of n users on a number of resources.
func request(i, users, resources int) point {
	return pointOf("pod-"+strconv.Itoa(i%resources),
		"route", "/"+strconv.Itoa(i%5), "status", strconv.Itoa(200+i%3), "user", strconv.Itoa(i%users))
}

func blameOf(b *Board, room int, protected ...string) string {
	key, blame := b.Blame(requests, room, protected)
	if blame == Key {
		return key
	}
	return blame.String()
}

func TestBlame(t *testing.T) {
	for name, c := range map[string]struct {
		point     func(i int) point
		points    int
		room      int
		protected []string
		want      string
	}{
		"nothing seen":         {point: nil, points: 0, room: 100, want: "unknown"},
		"too little seen":      {point: func(i int) point { return request(i, 1000, 1) }, points: minBlamed - 1, room: 100, want: "unknown"},
		"just enough seen":     {point: func(i int) point { return request(i, 1000, 1) }, points: minBlamed, room: 100, want: "user"},
		"one key explodes":     {point: func(i int) point { return request(i, 1000, 1) }, points: 5000, room: 100, want: "user"},
		"it is protected":      {point: func(i int) point { return request(i, 1000, 1) }, points: 5000, room: 100, protected: []string{"user"}, want: "nothing"},
		"another is protected": {point: func(i int) point { return request(i, 1000, 1) }, points: 5000, room: 100, protected: []string{"route"}, want: "user"},
		"no room":              {point: func(i int) point { return request(i, 1000, 1) }, points: 5000, room: 0, want: "nothing"},
		"too little room":      {point: func(i int) point { return request(i, 1000, 1) }, points: 5000, room: 10, want: "nothing"},
		"resources explode":    {point: func(i int) point { return request(i, 1, 997) }, points: 5000, room: 100, want: "resource"},
		"resources and a key":  {point: func(i int) point { return request(i, 1000, 997) }, points: 5000, room: 100, want: "user"},
		"two keys explode": {point: func(i int) point {
			return pointOf("r", "user", strconv.Itoa(i%500), "trace", strconv.Itoa(i%499), "status", "200")
		}, points: 5000, room: 100, want: "nothing"},
		"fewest remain": {point: func(i int) point {
			return pointOf("r", "a", strconv.Itoa(i), "b", strconv.Itoa(i%40), "c", strconv.Itoa(i%2))
		}, points: 5000, room: 100, want: "a"},
		"nothing saves": {point: func(i int) point {
			return pointOf("r", "a", strconv.Itoa(i), "b", strconv.Itoa(i))
		}, points: 150, room: 100, want: "nothing"},
		"room for all, nothing saves yet": {point: func(i int) point {
			return pointOf("r", "a", strconv.Itoa(i), "b", strconv.Itoa(i))
		}, points: 50, room: 100, want: "unknown"},
		"room for all, a key saves": {point: func(i int) point {
			return pointOf("r", "a", strconv.Itoa(i), "b", "1")
		}, points: 50, room: 100, want: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			b := New(Options{}, start)
			for i := range c.points {
				if i%3 == 0 {
					b.admit(requests, c.point(i), start)
				} else {
					b.refuse(requests, c.point(i), start)
				}
			}
			if got := blameOf(b, c.room, c.protected...); got != c.want {
				t.Errorf("blamed %s, want %s", got, c.want)
			}
		})
	}
}

// Two keys explode in turns and about equally: whatever was blamed first stays blamed,
// over windows that begin and room that varies.
func TestBlameDoesNotFlap(t *testing.T) {
	b := New(Options{Window: time.Minute}, start)
	verdicts := map[string]int{}
	last := ""
	changes := 0
	for i := range 60_000 {
		at := start.Add(time.Duration(i) * 10 * time.Millisecond) // ten windows
		p := pointOf("r", "a", strconv.Itoa(mod(i, 300)), "b", strconv.Itoa(mod(i*7, 280)), "c", strconv.Itoa(i%2))
		b.refuse(requests, p, at)
		got := blameOf(b, 700+i%100)
		if got != last && last != "" && last != "unknown" {
			changes++
		}
		last = got
		verdicts[got]++
	}
	if changes > 1 {
		t.Errorf("%d changes between %v, want at most one", changes, verdicts)
	}
}

// mod spreads i over n values.
func mod(i, n int) int { return int(mix(uint64(i)) % uint64(n)) }

// What remains hovers around the room: given up once, a key is only blamed again when it
// clearly fits.
func TestBlameDoesNotFlapAroundTheRoom(t *testing.T) {
	b := New(Options{Window: time.Minute}, start)
	last, changes := "", 0
	for i := range 60_000 {
		at := start.Add(time.Duration(i) * 10 * time.Millisecond)
		others := 480 + 40*mod(i/6000, 2) // the true number changes from window to window
		b.refuse(requests, pointOf("r", "user", strconv.Itoa(i), "route", strconv.Itoa(mod(i, others))), at)
		got := blameOf(b, 500)
		if got != last && last != "" && last != "unknown" {
			changes++
		}
		last = got
	}
	if changes > 1 {
		t.Errorf("%d changes, want at most one", changes)
	}
}

func TestBlameFollowsAClearChange(t *testing.T) {
	b := New(Options{Window: time.Minute}, start)
	tell := func(from, to int, key string, minute int) {
		for i := from; i < to; i++ {
			other := map[string]string{"user": "trace", "trace": "user"}[key]
			b.refuse(requests, pointOf("r", key, strconv.Itoa(i), other, "0", "route", strconv.Itoa(i%50)),
				start.Add(time.Duration(minute)*time.Minute))
		}
	}
	tell(0, 3000, "user", 0)
	if got := blameOf(b, 100); got != "user" {
		t.Fatalf("blamed %s, want user", got)
	}
	if got := blameOf(b, 30); got != "nothing" {
		t.Errorf("blamed %s although 50 remain and there is room for 30", got)
	}
	if got := blameOf(b, 52); got != "nothing" {
		t.Errorf("blamed %s again although it fits but just", got)
	}
	if got := blameOf(b, 100); got != "user" {
		t.Errorf("blamed %s, want user again: it clearly fits", got)
	}
	if got := blameOf(b, 100, "user"); got != "nothing" {
		t.Errorf("blamed %s, want nothing: the key is protected now", got)
	}
	if got := blameOf(b, 100); got != "user" {
		t.Fatalf("blamed %s, want user", got)
	}
	for minute := 1; minute < 4; minute++ { // the old explosion is over, another begins
		tell(0, 3000, "trace", minute)
	}
	if got := blameOf(b, 100); got != "trace" {
		t.Errorf("blamed %s, want trace", got)
	}
	b.refuse(requests, request(0, 1, 1), start.Add(time.Hour))
	if got := blameOf(b, 100); got != "unknown" {
		t.Errorf("blamed %s after an hour of silence, want unknown", got)
	}
}

// A key is blamed while it fits; another one only takes over if it leaves half as many.
func TestBlameStaysUntilHalfAsManyRemain(t *testing.T) {
	grid := func(as, bs int) *Board { // without a, bs remain, and the other way round
		b := New(Options{}, start)
		for i := range as * bs {
			b.refuse(requests, pointOf("r", "a", strconv.Itoa(i%as), "b", strconv.Itoa(i/as)), start)
		}
		return b
	}
	for as, want := range map[int]string{45: "a", 32: "a", 29: "b", 20: "b"} {
		b := grid(as, 60)
		if got := blameOf(b, 100, "b"); got != "a" {
			t.Fatalf("blamed %s, want a", got)
		}
		if got := blameOf(b, 100); got != want {
			t.Errorf("blamed %s although b leaves %d and a leaves 60, want %s", got, as, want)
		}
	}
}

// Folding resources alone keeps all attributes: it takes over from a key once it clearly fits.
func TestResourceTakesOverWhenItClearlyFits(t *testing.T) {
	for values, want := range map[int]string{90: "a", 60: "a", 40: "resource"} {
		b := New(Options{Window: time.Minute}, start)
		for i := range 2000 {
			b.refuse(requests, pointOf(strconv.Itoa(i%100), "a", strconv.Itoa(i)), start)
		}
		if got := blameOf(b, 100); got != "a" {
			t.Fatalf("blamed %s, want a", got)
		}
		for minute := 1; minute < 3; minute++ {
			for i := range 2000 {
				b.refuse(requests, pointOf(strconv.Itoa(i), "a", strconv.Itoa(i%values)), start.Add(time.Duration(minute)*time.Minute))
			}
		}
		if got := blameOf(b, 100); got != want {
			t.Errorf("blamed %s with %d series without resources, want %s", got, values, want)
		}
	}
}

// Somebody is told once, as soon as there is something to tell.
func TestExplainOnce(t *testing.T) {
	b := New(Options{}, start)
	c := caseOf("shop", "http.requests")
	if _, ok := b.Explain(c, start); ok {
		t.Error("a case that does not exist is explained")
	}
	for i := range 200 {
		b.refuse(c, request(i, 200, 1), start)
		if i == 10 {
			b.Blame(c, 100, nil)
			if _, ok := b.Explain(c, start); ok {
				t.Error("explained before anything is known")
			}
		}
	}
	b.Blame(c, 100, nil)
	m, ok := b.Explain(c, start)
	if !ok || m.Metric != "http.requests" || len(m.Keys) == 0 || m.Keys[0].Values < 150 {
		t.Errorf("Explain() = %+v, %t", m, ok)
	}
	if _, ok := b.Explain(c, start); ok {
		t.Error("explained twice")
	}
}
