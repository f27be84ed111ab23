// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// model does what a Table does, with plain maps and in plain sight. It is swept often
// enough for its clock not to matter.
type model struct {
	limits Limits
	series map[uint64]*modelSeries
	cells  map[[2]uint64]int // limit, of those with an entry
	churn  Churn
}

type modelSeries struct {
	tenant, metric uint64
	seen           Tick
}

func newModel(limits Limits) *model {
	return &model{limits: limits, series: map[uint64]*modelSeries{}, cells: map[[2]uint64]int{}}
}

func (m *model) count(is func(*modelSeries) bool) int {
	n := 0
	for _, s := range m.series {
		if is(s) {
			n++
		}
	}
	return n
}

func (m *model) inCell(o Owner) int {
	return m.count(func(s *modelSeries) bool { return s.tenant == o.Tenant && s.metric == o.Metric })
}

func (m *model) inTenant(tenant uint64) int {
	return m.count(func(s *modelSeries) bool { return s.tenant == tenant })
}

// names returns what is at one place of the cells' keys.
func (m *model) names(place int) map[uint64]bool {
	names := map[uint64]bool{}
	for key := range m.cells {
		names[key[place]] = true
	}
	return names
}

func (m *model) limit(o Owner) int { return cmp.Or(o.Limit, m.limits.SeriesPerMetric) }

func (m *model) judge(o Owner, lend float64) Verdict {
	tenants, metrics := m.names(0), m.names(1)
	lent := int(lend * float64(m.limits.Series))
	switch {
	case !tenants[o.Tenant] && len(tenants) >= m.limits.Tenants:
		return TenantLimit
	case !metrics[o.Metric] && len(metrics) >= m.limits.Metrics:
		return MetricLimit
	case m.inCell(o) >= m.limit(o):
		return MetricFull
	case len(m.series) >= m.limits.Series:
		return TableFull
	case m.inTenant(o.Tenant) >= m.limits.SeriesPerTenant && len(m.series) >= lent:
		return TenantFull
	default:
		return Added
	}
}

func (m *model) peek(o Owner, series uint64) Verdict {
	if m.series[series] != nil {
		return Known
	}
	return m.judge(o, m.limits.Lend)
}

func (m *model) admit(o Owner, series uint64, at Tick) Verdict {
	if s := m.series[series]; s != nil {
		if s.seen < at {
			s.seen = at
			return Renewed
		}
		return Known
	}
	v := m.judge(o, m.limits.Lend)
	if _, ok := m.cells[[2]uint64{o.Tenant, o.Metric}]; ok || v.Admitted() {
		m.cells[[2]uint64{o.Tenant, o.Metric}] = o.Limit
	}
	if !v.Admitted() {
		return v
	}
	m.series[series] = &modelSeries{o.Tenant, o.Metric, at}
	m.churn.Added++
	if m.inCell(o) > m.limit(o)/2 || m.inTenant(o.Tenant) > m.limits.SeriesPerTenant/2 {
		return AddedHigh
	}
	return Added
}

func (m *model) release(series uint64) bool {
	known := m.series[series] != nil
	if known {
		delete(m.series, series)
		m.churn.Released++
	}
	return known
}

func (m *model) sweep(at Tick) int {
	n := len(m.series)
	maps.DeleteFunc(m.series, func(_ uint64, s *modelSeries) bool { return s.seen < at-ticksPerTTL })
	maps.DeleteFunc(m.cells, func(key [2]uint64, _ int) bool {
		return m.inCell(Owner{Tenant: key[0], Metric: key[1]}) == 0
	})
	m.churn.Expired += uint64(n - len(m.series))
	return n - len(m.series)
}

func (m *model) usage() Usage {
	u := Usage{Series: len(m.series), Tenants: len(m.names(0)), Metrics: len(m.names(1))}
	for key, limit := range m.cells {
		if o := (Owner{key[0], key[1], limit}); m.inCell(o) >= m.limit(o) {
			u.MetricsFull++
		}
	}
	for tenant := range m.names(0) {
		if m.inTenant(tenant) >= m.limits.SeriesPerTenant {
			u.TenantsFull++
		}
	}
	return u
}

func (m *model) largest() []Use {
	var uses []Use
	for key, limit := range m.cells {
		if o := (Owner{key[0], key[1], limit}); m.inCell(o) > 0 {
			uses = append(uses, Use{o.Tenant, o.Metric, m.inCell(o), m.limit(o)})
		}
	}
	return sorted(uses)
}

func sorted(uses []Use) []Use {
	slices.SortFunc(uses, func(a, b Use) int {
		return cmp.Or(b.Series-a.Series, cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Metric, b.Metric))
	})
	return uses
}

func randomLimits(rng *rand.Rand) Limits {
	return Limits{
		Series:          20 + rng.IntN(80),
		SeriesPerTenant: 1 + rng.IntN(40),
		SeriesPerMetric: 1 + rng.IntN(20),
		Tenants:         1 + rng.IntN(5),
		Metrics:         1 + rng.IntN(6),
		Lend:            float64(rng.IntN(5)) / 4,
		TTL:             time.Minute,
	}
}

func TestBehavesLikeTheModel(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 0))
		limits := randomLimits(rng)
		table, want := New(limits, start), newModel(limits)
		crowd := rng.Uint64N(2) * 0xff00000000000000 // all in one shard, or spread
		accounts := map[Owner]*Account{}             // that are asked again and again
		var now Tick
		for step := range 1500 {
			tenant, metric := rng.Uint64N(6), rng.Uint64N(8)
			o := Owner{Tenant: tenant, Metric: metric}
			if metric%3 == 0 {
				o.Limit = 1 + int(metric)
			}
			series := (tenant<<48|metric<<40|rng.Uint64N(20))*0x9e3779b97f4a7c15 | crowd
			switch dice := rng.IntN(100); {
			case dice < 40:
				if accounts[o] == nil {
					accounts[o] = &Account{Owner: o}
				}
				if got, verdict := table.AdmitTo(accounts[o], series, now), want.admit(o, series, now); got != verdict {
					t.Fatalf("seed %d step %d: AdmitTo(%v, %x) = %d, want %d", seed, step, o, series, got, verdict)
				}
			case dice < 75:
				if got, verdict := table.Admit(o, series, now), want.admit(o, series, now); got != verdict {
					t.Fatalf("seed %d step %d: Admit(%v, %x) = %d, want %d", seed, step, o, series, got, verdict)
				}
			case dice < 80:
				if got, verdict := table.Peek(o, series), want.peek(o, series); got != verdict {
					t.Fatalf("seed %d step %d: Peek(%v, %x) = %d, want %d", seed, step, o, series, got, verdict)
				}
			case dice < 88:
				if got, known := table.Release(series), want.release(series); got != known {
					t.Fatalf("seed %d step %d: Release(%x) = %v, want %v", seed, step, series, got, known)
				}
			case dice < 96:
				now += Tick(rng.IntN(12))
				if n, looked := table.Sweep(now); looked {
					if m := want.sweep(now); n != m {
						t.Fatalf("seed %d step %d: Sweep(%d) = %d, want %d", seed, step, now, n, m)
					}
				}
			case dice < 98:
				want.limits = randomLimits(rng)
				table.SetLimits(want.limits)
			case want.withinLimits():
				table, now = reload(t, table, want, now, Tick(rng.IntN(300)))
				clear(accounts)
			}
			if step%50 == 0 {
				check(t, table, want)
			}
			if t.Failed() {
				t.Fatalf("seed %d step %d", seed, step)
			}
		}
	}
}

func (m *model) withinLimits() bool {
	for _, use := range m.largest() {
		over := m.inTenant(use.Tenant) > m.limits.SeriesPerTenant
		if use.Series > use.Limit || over && int(m.limits.Lend*float64(m.limits.Series)) == 0 {
			return false
		}
	}
	u := m.usage()
	return u.Series <= m.limits.Series && u.Tenants <= m.limits.Tenants && u.Metrics <= m.limits.Metrics
}

// reload replaces a table by a new one that loads its snapshot at another time.
func reload(t *testing.T, table *Table, m *model, now, later Tick) (*Table, Tick) {
	t.Helper()
	if n, looked := table.Sweep(now); looked {
		if want := m.sweep(now); n != want {
			t.Errorf("Sweep before the snapshot = %d, want %d", n, want)
		}
	}
	fresh := New(m.limits, start)
	if err := fresh.Load(table.Append(nil), later); err != nil {
		t.Error(err)
	}
	for _, s := range m.series {
		s.seen += later - now
	}
	m.churn = Churn{Restored: uint64(len(m.series))}
	return fresh, later
}

func check(t *testing.T, table *Table, m *model) {
	t.Helper()
	if got, want := table.Usage(), m.usage(); got != want {
		t.Errorf("Usage() = %+v, want %+v", got, want)
	}
	if got, want := table.Churn(), m.churn; got != want {
		t.Errorf("Churn() = %+v, want %+v", got, want)
	}
	if got, want := sorted(table.Largest(100)), m.largest(); !slices.Equal(got, want) {
		t.Errorf("Largest() = %v, want %v", got, want)
	}
	for _, use := range table.Tenants(100) {
		if want := (Use{use.Tenant, 0, m.inTenant(use.Tenant), m.limits.SeriesPerTenant}); use != want {
			t.Errorf("Tenants() has %v, want %v", use, want)
		}
	}
	for series := range m.series {
		if table.Peek(Owner{}, series) != Known {
			t.Errorf("series %x got lost", series)
		}
	}
	checkStructure(t, table)
}

// checkStructure compares what is counted twice.
func checkStructure(t *testing.T, table *Table) {
	t.Helper()
	total, inCells, inTenants := uint32(0), uint32(0), uint32(0)
	for i := range table.shards {
		s := &table.shards[i]
		total += s.used
		passed := make([]int, s.groups)
		for group := range s.groups {
			for slot, meta := range s.line(group)[:groupSize] {
				if meta == 0 {
					continue
				}
				for at := s.home(s.series(group, uint32(slot))); at != group; at = s.after(at) {
					passed[at]++
				}
			}
		}
		for group, want := range passed {
			if got := int(s.passed(uint32(group))); got != want && got != 255 {
				t.Errorf("group %d of shard %d was passed %d times, counted %d", group, i, want, got)
			}
		}
	}
	for _, e := range table.cells.all() {
		inCells += e.series.Load()
	}
	for _, e := range table.tenants.all() {
		inTenants += e.series.Load()
	}
	if counted := table.total.Load(); counted != total || counted != inCells || counted != inTenants {
		t.Errorf("%d series in all, %d in shards, %d in cells, %d in tenants", counted, total, inCells, inTenants)
	}
}
