// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

func TestLooksAtSeriesAreRareUnlessThereAreMore(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	r := New(Limits{Max: 10, SilentAfter: 15 * time.Second, ForgetAfter: time.Hour})
	due := func(points, now int) bool {
		_, due := r.Lesson(nodeA, points, at(now))
		return due
	}
	if due(10, 0) {
		t.Error("no engine")
	}
	r.Add(nodeA, "", start)
	if due(0, 0) {
		t.Error("no points")
	}
	for _, step := range []struct {
		now, points int
		want        bool
		why         string
	}{
		{0, 10, true, "the first"},
		{1, 19, true, "more, soon after the start"},
		{2, 20, true, "and more"},
		{30, 20, false, "the same"},
		{65, 15, true, "fewer, a minute later"},
		{66, 21, false, "more, too soon"},
		{125, 20, false, "then less often"},
		{185, 20, true, "two minutes later"},
		{190, 21, true, "more"},
		{250, 21, true, "and the intervals begin anew"},
	} {
		if got := due(step.points, step.now); got != step.want {
			t.Errorf("%s: due = %t, want %t", step.why, got, step.want)
		}
	}
	looks := 0
	for s := 10_000; s < 20_000; s += 10 {
		if due(21, s) {
			looks++
		}
	}
	if looks > 20 {
		t.Errorf("%d looks at 1000 exports, want about one in 10 minutes", looks)
	}
	r.Unlearn(nodeA)
	if !due(1, 20_000) {
		t.Error("nothing is known of it any more")
	}
	r.Goodbye(nodeA, at(20_001))
	if !due(1, 20_002) {
		t.Error("the last flush of a stopped engine is to be ended, too")
	}
	r.Report(nodeB, Report{State: engineview.StateUp, Stamp: start}, 0, start)
	if _, due := r.Lesson(nodeB, 1, start); due {
		t.Error("another receiver ends its series")
	}
}
