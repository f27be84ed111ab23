// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"fmt"
	"math"
)

// Load adds what a snapshot holds, seen as long before at as it was before the snapshot.
// It may run while the table is in use. The limits of the table count, not those from the
// time of the snapshot: series without room are left out, only a tenant over its own
// limit counts as lent to, however full the table is, if anything is lent at all. Series
// that the table knows already stay as they are.
//
// Load returns an error and changes nothing if the snapshot is damaged or of another
// version. Sweep does nothing meanwhile.
func (t *Table) Load(src []byte, at Tick) error {
	from, err := parse(src)
	if err != nil {
		return fmt.Errorf("load a snapshot of %d bytes: %w", len(src), err)
	}
	t.sweeping.Lock() // cells without series stay until theirs are there
	defer t.sweeping.Unlock()
	t.vacant.Store(true)
	cells := t.openAll(from)
	for i := range t.shards {
		t.fill(&t.shards[i], from.rows[i], cells, at)
	}
	return nil
}

// noCell stands for a cell that there was no room for.
const noCell = math.MaxUint32

// openAll returns the positions that the cells of a snapshot have in the table.
func (t *Table) openAll(from *snapshot) []uint32 {
	t.mu.Lock()
	t.tenants.grow(from.tenants.len())
	t.metrics.grow(from.metrics.len())
	t.cells.grow(uint32(len(from.cells)))
	t.mu.Unlock()
	cells := make([]uint32, len(from.cells))
	for first := 0; first < len(cells); first += pageSize {
		t.openSome(from, cells, first, min(first+pageSize, len(cells)))
	}
	return cells
}

// openSome keeps new series waiting for a page of cells only.
func (t *Table) openSome(from *snapshot, cells []uint32, first, end int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := first; i < end; i++ {
		cells[i] = noCell
		c := from.cells[i]
		if c.tenant == 0 {
			continue
		}
		o := Owner{Tenant: from.tenants.at(c.tenant - 1), Metric: from.metrics.at(c.metric), Limit: int(c.limit)}
		p := t.find(o)
		if p.cell == nil {
			if (p.tenant == nil && t.tenants.used >= t.bounds.tenants) || (p.metric == nil && t.metrics.used >= t.bounds.metrics) {
				continue
			}
			p = t.open(p, o)
			p.cell.setExtra(c.limit)
		}
		cells[i] = p.cellAt
	}
}

// fill adds the series of one shard.
func (t *Table) fill(s *shard, from rows, cells []uint32, at Tick) {
	t.late.Add(int64(t.expire(s, at)))
	t.mu.RLock()
	defer t.mu.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	lend := t.bounds.lend
	if lend > 0 {
		lend = t.bounds.series
	}
	restored, crowded := uint64(0), uint64(0)
	s.grow(from.len(), t.cells.next)
	defer s.publish()
	for i := range from.len() {
		series, age, cell := from.at(i)
		if _, _, known := s.find(series); known {
			continue
		}
		if cells[cell] == noCell || !t.reserveAt(cells[cell], lend) {
			crowded++
			continue
		}
		s.add(series, cells[cell], at-Tick(age))
		restored++
	}
	t.restored.Add(restored)
	t.crowded.Add(crowded)
}

// reserveAt returns whether there was room for a series of a cell. It needs mu.
func (t *Table) reserveAt(position, lend uint32) bool {
	cell := t.cells.at(position)
	p := place{cell: cell, tenant: t.tenants.at(cell.tenant())}
	return t.reserve(p, t.limitOf(cell), lend).Admitted()
}
