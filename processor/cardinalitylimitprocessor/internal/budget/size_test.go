// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"testing"
	"unsafe"
)

func (d *directory) bytes() int {
	return len(d.pages)*int(unsafe.Sizeof([pageSize]entry{})+8) + 4*len(d.index)
}

func TestSeriesAreSmall(t *testing.T) {
	for name, c := range map[string]struct {
		series, tenants, metrics int
		allowed                  float64 // bytes per series
	}{
		"in one cell":                 {2e5, 1, 1, 12},
		"in a hundred thousand cells": {1e6, 1000, 100, 16},
	} {
		t.Run(name, func(t *testing.T) {
			table := roomy(c.series)
			fill(table, fingerprints(c.series), c.tenants, c.metrics)
			live := int(unsafe.Sizeof(*table)) + table.cells.bytes() + table.metrics.bytes() + table.tenants.bytes()
			for i := range table.shards {
				live += len(table.shards[i].mem)
			}
			if got := float64(live) / float64(c.series); got > c.allowed {
				t.Errorf("%.1f bytes per series, want %.0f at most", got, c.allowed)
			}
			if got := float64(len(table.Append(nil))) / float64(c.series); got > 12 {
				t.Errorf("%.1f bytes per series in the snapshot, want 12 at most", got)
			}
		})
	}
}

func TestAShardIsTwoCacheLines(t *testing.T) {
	var table Table
	if size, offset := unsafe.Sizeof(table.shards[0]), unsafe.Offsetof(table.shards); size != 2*lineSize || offset != 0 {
		t.Errorf("a shard takes %d bytes, the first is at %d, want 128 and 0", size, offset)
	}
}

func TestSeriesThatDoNotStayAllocateNothing(t *testing.T) {
	table, series := filled(1000)
	now := Tick(0)
	if n := testing.AllocsPerRun(50, func() { // before the clock needs a sweep
		now++
		table.Admit(own(0, 0), series[7], now)   // renewed
		table.Admit(own(0, 0), series[7], now)   // known
		table.Admit(own(0, 0), ^series[7], now)  // refused by its metric
		table.Admit(own(uint64(now), 0), 1, now) // refused by the table
		table.Peek(own(0, 0), series[8])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
