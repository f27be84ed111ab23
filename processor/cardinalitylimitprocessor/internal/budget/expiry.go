// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

// Usage is how much of its limits a Table uses.
type Usage struct {
	Series      int
	Metrics     int
	MetricsFull int
}

// Usage counts what is tracked, expired series that nobody swept yet included.
func (t *Table) Usage() Usage {
	t.mu.RLock()
	defer t.mu.RUnlock()
	u := Usage{Series: int(t.total.Load()), Metrics: len(t.index)}
	for _, i := range t.index {
		if t.metrics[i].series.Load() >= int64(t.limits.SeriesPerMetric) {
			u.MetricsFull++
		}
	}
	return u
}

// Expire forgets every series that was silent for longer than the time to live and
// returns how many that were. It looks at most once per twentieth of the time to live,
// and returns false when it did not look; then it costs next to nothing, so callers may
// call it with every batch.
func (t *Table) Expire(at Tick) (forgotten int, looked bool) {
	last := t.swept.Load()
	if int32(at) <= last || !t.swept.CompareAndSwap(last, int32(at)) {
		return 0, false
	}
	return t.sweep(at - sweepsPerTTL), true
}

// sweep keeps new series waiting while it runs; known ones wait for their shard only.
func (t *Table) sweep(before Tick) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	dead := 0
	for i := range t.shards {
		t.shards[i].sweep(before, func(metric uint32) {
			t.metrics[metric].series.Add(-1)
			dead++
		})
	}
	t.total.Add(int64(-dead))
	for position, m := range t.metrics {
		if m != nil && m.series.Load() == 0 {
			delete(t.index, m.fingerprint)
			t.metrics[position] = nil
			t.free = append(t.free, uint32(position))
		}
	}
	return dead
}
