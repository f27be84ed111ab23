// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"testing"
	"time"
)

func TestABatchEndsWhenItsEndIsGiven(t *testing.T) {
	app, now := unsampled(t).App("orders"), time.Now()
	for name, c := range map[string]struct {
		end           time.Time
		latency, busy time.Duration
	}{
		"in between":           {now.Add(50 * time.Millisecond), 50 * time.Millisecond, 40 * time.Millisecond},
		"before it has begun":  {now.Add(5 * time.Millisecond), 5 * time.Millisecond, 0},
		"before it was handed": {now.Add(-time.Hour), 0, 0},
	} {
		q := app.Query(name)
		w := q.Worker()
		b := w.Begin(t.Context(), Arrival{Count: 1, SendStart: now, SendEnd: now.Add(10 * time.Millisecond)})
		b.EndAt(c.end)
		b.EndAt(now.Add(time.Minute)) // ending twice is fine
		w.Close()
		if s := q.latency.Snapshot(); s.Count != 1 || time.Duration(s.Sum) != c.latency {
			t.Errorf("%s: %d latencies, in all %s, want %s", name, s.Count, time.Duration(s.Sum), c.latency)
		}
		if busy := time.Duration(q.busy.Load()); busy != c.busy || q.batches.Load() != 1 {
			t.Errorf("%s: busy for %s in %d batches, want %s", name, busy, q.batches.Load(), c.busy)
		}
	}
}

func TestABatchWhoseEndIsNotGivenEndsNow(t *testing.T) {
	q := unsampled(t).App("orders").Query("q1")
	w, now := q.Worker(), time.Now()
	w.Begin(t.Context(), Arrival{Count: 1, SendStart: now.Add(-time.Hour), SendEnd: now}).EndAt(time.Time{})
	w.Close()
	if latency := time.Duration(q.latency.Snapshot().Sum); latency < time.Hour || latency > 2*time.Hour {
		t.Errorf("the latency is %s, want what the clock says", latency)
	}
}
