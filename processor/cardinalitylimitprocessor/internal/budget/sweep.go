// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

// Sweep forgets every series that was silent for longer than the time to live, and
// returns how many that were since the last sweep. It looks at most once per Tick, and
// returns false when it did not look; then it costs next to nothing, so callers may call
// it with every batch.
//
// A million series take a few milliseconds. Each shard is locked on its own, for some
// microseconds. Not sweeping for long is safe, only no place comes free meanwhile.
func (t *Table) Sweep(at Tick) (expired int, looked bool) {
	if int32(at) <= t.swept.Load() || !t.sweeping.TryLock() {
		return 0, false
	}
	defer t.sweeping.Unlock()
	if int32(at) <= t.swept.Load() {
		return 0, false
	}
	for i := range t.shards {
		t.dead = t.shards[i].expire(at, t.dead[:0])
		t.bury(t.dead)
		expired += len(t.dead)
	}
	if t.vacant.Swap(false) {
		t.clearCells()
	}
	t.swept.Store(int32(at))
	return expired + int(t.late.Swap(0)), true
}

// expire sweeps one shard when Sweep came too late for it.
func (t *Table) expire(s *shard, at Tick) int {
	dead := s.expire(at, nil)
	t.bury(dead)
	return len(dead)
}

// bury gives back the room of series by the positions of their cells.
func (t *Table) bury(dead []uint32) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, cell := range dead {
		t.giveBack(t.cells.at(cell))
	}
	t.expired.Add(uint64(len(dead)))
}

// clearCells takes away the entries without series, a page at a time, so that new series
// do not wait long. Nobody but the holder of sweeping may call it.
func (t *Table) clearCells() {
	for first := uint32(0); t.clearPage(first); first += pageSize {
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cells.trim()
	t.tenants.trim()
	t.metrics.trim()
	if t.total.Load() < t.bounds.series {
		t.told.Store(false)
	}
}

// clearPage returns false if there is no such page.
func (t *Table) clearPage(first uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if first >= t.cells.next {
		return false
	}
	for position := first; position < min(first+pageSize, t.cells.next); position++ {
		cell := t.cells.at(position)
		if !cell.inUse() || cell.series.Load() > 0 {
			continue
		}
		tenant, metric := cell.tenant(), cell.metric()
		t.epoch.Add(1)
		t.cells.remove(position)
		release(&t.tenants, tenant)
		release(&t.metrics, metric)
	}
	return true
}

// release takes one cell off a tenant or a metric, which goes with its last one.
func release(d *directory, position uint32) {
	e := d.at(position)
	e.setExtra(e.extra() - 1)
	if e.extra() == 0 {
		d.remove(position)
	}
}
