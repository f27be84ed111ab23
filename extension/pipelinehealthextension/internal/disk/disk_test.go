// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"testing"
	"time"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }

func TestWrites(t *testing.T) {
	full := errors.New("no space left")
	var w Writes
	for _, step := range []struct {
		name   string
		do     func()
		second float64
		state  State
		since  time.Time
		err    string
	}{
		{"nothing", func() {}, 0, Unknown, time.Time{}, ""},
		{"the first is under way", func() { w.Begin(at(0)) }, 1, Unknown, time.Time{}, ""},
		{"it succeeded", func() { w.End(nil, at(1)) }, 1, Well, time.Time{}, ""},
		{"one fails", func() { w.Begin(at(10)); w.End(full, at(10)) }, 11, Shaky, at(10), "no space left"},
		{"and another", func() { w.Begin(at(20)); w.End(full, at(20)) }, 21, Shaky, at(10), "no space left"},
		{"three are too many", func() { w.Begin(at(30)); w.End(full, at(30)) }, 31, Broken, at(10), "no space left"},
		{"well again", func() { w.Begin(at(40)); w.End(nil, at(40)) }, 41, Well, time.Time{}, ""},
		{"under way", func() { w.Begin(at(50)) }, 52, Well, time.Time{}, ""},
		{"for too long", func() {}, 52.1, Shaky, at(50), ""},
		{"for ever", func() {}, 80.1, Broken, at(50), ""},
		{"it ended, late", func() { w.End(nil, at(90)) }, 90, Shaky, at(50), ""},
		{"the next is in time", func() { w.Begin(at(100)); w.End(nil, at(100)) }, 100, Well, time.Time{}, ""},
	} {
		step.do()
		got := w.At(at(step.second))
		if got.State != step.state || !got.Since.Equal(step.since) || got.Err != step.err {
			t.Errorf("%s: %+v, want state %d since %s, error %q", step.name, got, step.state, step.since, step.err)
		}
	}
}
