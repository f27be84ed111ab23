// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import "sync/atomic"

// place is where an owner stands in the directories. What is nil has no entry.
type place struct {
	tenant, metric, cell *entry

	tenantAt, metricAt, cellAt uint32
}

// find needs mu.
func (t *Table) find(o Owner) place {
	var p place
	p.tenantAt, p.tenant = t.tenants.find(o.Tenant)
	p.metricAt, p.metric = t.metrics.find(o.Metric)
	if p.tenant != nil && p.metric != nil {
		p.cellAt, p.cell = t.cells.find(pair(p.tenantAt, p.metricAt))
	}
	return p
}

// pair is the key of a cell.
func pair(tenant, metric uint32) uint64 { return uint64(tenant)<<32 | uint64(metric) }

// judge says what would become of a new series. It needs mu.
func (t *Table) judge(p place, o Owner) Verdict {
	switch {
	case p.tenant == nil && t.tenants.used >= t.bounds.tenants:
		return TenantLimit
	case p.metric == nil && t.metrics.used >= t.bounds.metrics:
		return MetricLimit
	case p.cell != nil && p.cell.series.Load() >= t.limit(o):
		return MetricFull
	case p.cell == nil && t.limit(o) == 0:
		return MetricFull
	case t.total.Load() >= t.bounds.series:
		return TableFull
	case t.owes(p.tenant) && t.total.Load() >= t.bounds.lend:
		return TenantFull
	default:
		return Added
	}
}

// limit is that of an owner's cell. It needs mu.
func (t *Table) limit(o Owner) uint32 {
	if o.Limit > 0 {
		return min(bound(o.Limit), maxExtra)
	}
	return t.bounds.perMetric
}

// owes reports whether a tenant would have to borrow. It needs mu.
func (t *Table) owes(tenant *entry) bool {
	if tenant == nil {
		return t.bounds.perTenant == 0
	}
	return tenant.series.Load() >= t.bounds.perTenant
}

// stillFull reports whether an account that was found full is so for certain. The count is
// read first: if the epoch has not changed afterwards, it was that of the account's cell.
func (t *Table) stillFull(a *Account) bool {
	return a.full != nil && a.full.series.Load() >= a.limit && t.epoch.Load() == a.epoch
}

// add gives an unknown series a place if there is room.
func (t *Table) add(a *Account, series uint64, at Tick) Verdict {
	o := a.Owner
	t.mu.RLock()
	p := t.find(o)
	v := t.judge(p, o)
	if v == MetricFull {
		a.full, a.limit, a.epoch = p.cell, t.limit(o), t.epoch.Load()
	}
	if !v.Admitted() || p.cell != nil {
		defer t.mu.RUnlock()
		return t.enter(v, p, o, series, at)
	}
	t.mu.RUnlock()

	t.mu.Lock()
	defer t.mu.Unlock()
	p = t.find(o)
	if v = t.judge(p, o); v.Admitted() && p.cell == nil {
		p = t.open(p, o)
	}
	return t.enter(v, p, o, series, at)
}

// open gives an owner the entries that it lacks. It needs mu for writing, and room.
func (t *Table) open(p place, o Owner) place {
	if p.tenant == nil {
		p.tenantAt, p.tenant = t.tenants.add(o.Tenant)
	}
	if p.metric == nil {
		p.metricAt, p.metric = t.metrics.add(o.Metric)
	}
	p.tenant.setExtra(p.tenant.extra() + 1)
	p.metric.setExtra(p.metric.extra() + 1)
	p.cellAt, p.cell = t.cells.add(pair(p.tenantAt, p.metricAt))
	return p
}

// enter goes on with a series that was judged. It needs mu.
func (t *Table) enter(v Verdict, p place, o Owner, series uint64, at Tick) Verdict {
	if p.cell != nil {
		p.cell.setExtra(bound(o.Limit)) // what is reported; rules may change
	}
	if !v.Admitted() {
		return v
	}
	if v = t.reserve(p, t.limit(o), t.bounds.lend); !v.Admitted() {
		return v
	}
	if !t.shard(series).insert(series&remainder, p.cellAt, at) { // another goroutine was faster
		t.giveBack(p.cell)
		return Known
	}
	return v
}

// reserve takes room for one series on all levels, or on none. A tenant over its limit
// gets some while the table holds less than lend. It needs mu.
func (t *Table) reserve(p place, limit, lend uint32) Verdict {
	if !reserve(&p.cell.series, limit) {
		return MetricFull
	}
	room := t.bounds.series
	if !reserve(&p.tenant.series, t.bounds.perTenant) {
		p.tenant.series.Add(1)
		room = lend
	}
	if !reserve(&t.total, room) {
		p.tenant.series.Add(minusOne)
		t.leave(p.cell)
		if t.total.Load() >= t.bounds.series {
			return TableFull
		}
		return TenantFull
	}
	if high(p.cell, limit) || high(p.tenant, t.bounds.perTenant) {
		return AddedHigh
	}
	return Added
}

// giveBack returns the room of one series on all levels. It needs mu.
func (t *Table) giveBack(cell *entry) {
	t.total.Add(minusOne)
	t.tenants.at(cell.tenant()).series.Add(minusOne)
	t.leave(cell)
}

// leave comes last: an entry without series may go once mu is free.
func (t *Table) leave(cell *entry) {
	if cell.series.Add(minusOne) == 0 {
		t.vacant.Store(true)
	}
}

const minusOne = ^uint32(0)

// reserve adds one to n unless that would exceed limit. It returns whether it did.
func reserve(n *atomic.Uint32, limit uint32) bool {
	for {
		have := n.Load()
		if have >= limit {
			return false
		}
		if n.CompareAndSwap(have, have+1) {
			return true
		}
	}
}

func high(e *entry, limit uint32) bool { return e.series.Load() > limit/2 }
