// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

// table finds records by open addressing and is never changed once it can be seen.
type table struct {
	slots   []*record // a power of two, at least twice as many as records
	records []*record
}

func newTable(records []*record) *table {
	size := 8
	for size < 2*len(records) {
		size *= 2
	}
	t := &table{slots: make([]*record, size), records: records}
	for _, r := range records {
		i := home(r.tenant, r.metric) & uint64(size-1)
		for t.slots[i] != nil {
			i = (i + 1) & uint64(size-1)
		}
		t.slots[i] = r
	}
	return t
}

// find returns the record of a case, nil if it has none.
func (t *table) find(tenant, metric uint64) *record {
	mask := uint64(len(t.slots) - 1)
	for i := home(tenant, metric) & mask; t.slots[i] != nil; i = (i + 1) & mask {
		if r := t.slots[i]; r.metric == metric && r.tenant == tenant {
			return r
		}
	}
	return nil
}

func home(tenant, metric uint64) uint64 { return mix(tenant ^ mix(metric)) }

// mix spreads every bit over all others (the finisher of splitmix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
