// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"cmp"
	"slices"
)

// Usage is how much of its limits a Table uses. What expired counts until it is swept.
type Usage struct {
	Series  int
	Tenants int
	Metrics int // distinct fingerprints over all tenants

	MetricsFull int // metrics of a tenant, each counted, that have no room
	TenantsFull int // tenants that have used up their own limit
}

// Usage looks at each metric of each tenant.
func (t *Table) Usage() Usage {
	t.mu.RLock()
	defer t.mu.RUnlock()
	u := Usage{Series: int(t.total.Load()), Tenants: int(t.tenants.used), Metrics: int(t.metrics.used)}
	for _, e := range t.cells.all() {
		if e.series.Load() >= t.limitOf(e) {
			u.MetricsFull++
		}
	}
	for _, e := range t.tenants.all() {
		if e.series.Load() >= t.bounds.perTenant {
			u.TenantsFull++
		}
	}
	return u
}

// limitOf is the limit that counts for a cell. It needs mu.
func (t *Table) limitOf(cell *entry) uint32 {
	if own := cell.extra(); own > 0 {
		return own
	}
	return t.bounds.perMetric
}

// Churn counts what came and went since New.
type Churn struct {
	Added    uint64 // by Admit
	Expired  uint64
	Released uint64
	Restored uint64 // by Load
	Crowded  uint64 // not restored by Load, for want of room
}

// Churn adds up what each shard counts.
func (t *Table) Churn() Churn {
	c := Churn{
		Expired:  t.expired.Load(),
		Released: t.released.Load(),
		Restored: t.restored.Load(),
		Crowded:  t.crowded.Load(),
	}
	for i := range t.shards {
		c.Added += t.shards[i].everAdded()
	}
	return c
}

// Use is what an owner uses of its limit.
type Use struct {
	Tenant, Metric uint64 // fingerprints
	Series, Limit  int
}

// Largest returns up to n metrics of tenants with the most series, the largest first.
func (t *Table) Largest(n int) []Use {
	t.mu.RLock()
	defer t.mu.RUnlock()
	top := ranking{size: n}
	for _, e := range t.cells.all() {
		if series := e.series.Load(); top.takes(series) {
			top.add(Use{
				Tenant: t.tenants.at(e.tenant()).key,
				Metric: t.metrics.at(e.metric()).key,
				Series: int(series),
				Limit:  int(t.limitOf(e)),
			})
		}
	}
	return top.uses
}

// Tenants returns up to n tenants with the most series, the largest first. Metric is
// zero in them, and so is Limit if tenants have none of their own.
func (t *Table) Tenants(n int) []Use {
	t.mu.RLock()
	defer t.mu.RUnlock()
	limit := 0
	if t.bounds.perTenant != noBound {
		limit = int(t.bounds.perTenant)
	}
	top := ranking{size: n}
	for _, e := range t.tenants.all() {
		if series := e.series.Load(); top.takes(series) {
			top.add(Use{Tenant: e.key, Series: int(series), Limit: limit})
		}
	}
	return top.uses
}

// ranking keeps the largest uses, in order.
type ranking struct {
	size int
	uses []Use
}

func (r *ranking) takes(series uint32) bool {
	if series == 0 || r.size <= 0 {
		return false
	}
	return len(r.uses) < r.size || int(series) > r.uses[len(r.uses)-1].Series
}

func (r *ranking) add(u Use) {
	if len(r.uses) == r.size {
		r.uses = r.uses[:r.size-1]
	}
	at, _ := slices.BinarySearchFunc(r.uses, u, func(x, u Use) int {
		if x.Series >= u.Series { // equal ones stay in the order of their coming
			return -1
		}
		return cmp.Compare(u.Series, x.Series)
	})
	r.uses = slices.Insert(r.uses, at, u)
}

// Of returns how many series a metric of a tenant has, and may have.
func (t *Table) Of(o Owner) (series, limit int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if p := t.find(o); p.cell != nil {
		series = int(p.cell.series.Load())
	}
	return series, int(t.limit(o))
}
