// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// 64 goroutines race with more series than there is room for: exactly as many get in as
// there is room on the level that is short, and all of them stay. Where every series has
// an owner of its own, that has room for two, as two goroutines bring each.
func TestNoOvershootConcurrentSafe(t *testing.T) {
	const goroutines, each, limit = 64, 300, 1000
	for name, c := range map[string]struct {
		limits  Limits
		owner   func(series uint64) Owner
		refusal Verdict
	}{
		"metric": {
			Limits{Series: 9 * limit, SeriesPerTenant: 9 * limit, SeriesPerMetric: limit, Metrics: 1},
			func(uint64) Owner { return own(1, 1) }, MetricFull,
		},
		"tenant": {
			Limits{Series: 9 * limit, SeriesPerTenant: limit, SeriesPerMetric: limit, Metrics: 64},
			func(series uint64) Owner { return own(1, series%64) }, TenantFull,
		},
		"lent": {
			Limits{Series: 2 * limit, SeriesPerTenant: 1, SeriesPerMetric: limit, Metrics: 64, Lend: 0.5},
			func(series uint64) Owner { return own(1, series%64) }, TenantFull,
		},
		"table": {
			Limits{Series: limit, SeriesPerTenant: limit, SeriesPerMetric: limit, Metrics: 64},
			func(series uint64) Owner { return own(series%32, series%64) }, TableFull,
		},
		"tenants": {
			Limits{Series: 99 * limit, SeriesPerMetric: 2, Tenants: limit, Metrics: 1},
			func(series uint64) Owner { return own(series, 1) }, TenantLimit,
		},
		"metrics": {
			Limits{Series: 99 * limit, SeriesPerMetric: 2, Metrics: limit},
			func(series uint64) Owner { return own(1, series) }, MetricLimit,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.limits.TTL = time.Hour
			table := New(c.limits, start)
			var added atomic.Int64
			var race sync.WaitGroup
			admitted := make([][]uint64, goroutines)
			for g := range goroutines {
				race.Go(func() {
					rng := rand.New(rand.NewPCG(1, uint64(g/2))) // every series comes from two goroutines
					for i := range each {
						series := rng.Uint64()
						switch v := table.Admit(c.owner(series), series, Tick(i/20)); v {
						case Added, AddedHigh:
							added.Add(1)
							admitted[g] = append(admitted[g], series)
						case Known, Renewed:
							admitted[g] = append(admitted[g], series)
						case c.refusal:
						default:
							t.Errorf("verdict %d, want none or %d", v, c.refusal)
						}
						if i%100 == 0 {
							table.Sweep(Tick(i / 20))
							table.Usage()
							table.Largest(3)
						}
					}
				})
			}
			race.Wait()
			if n := added.Load(); n != limit {
				t.Errorf("%d series were added, limit %d", n, limit)
			}
			if u := table.Usage(); u.Series != limit {
				t.Errorf("%d series are tracked, limit %d", u.Series, limit)
			}
			for _, all := range admitted {
				for _, series := range all {
					if v := table.Peek(c.owner(series), series); v != Known {
						t.Fatalf("admitted series %x: verdict %d, want Known", series, v)
					}
				}
			}
			checkStructure(t, table)
		})
	}
}

func TestEverythingAtOnceConcurrentSafe(t *testing.T) {
	limits := Limits{Series: 250, SeriesPerTenant: 150, SeriesPerMetric: 100, Tenants: 4, Metrics: 3, Lend: 0.5, TTL: time.Minute}
	table := New(limits, start)
	var clock atomic.Int32
	var race sync.WaitGroup
	for g := range 16 {
		race.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(g)))
			var snapshot []byte
			var account Account
			for range 2000 {
				now := Tick(clock.Add(1) / 40)
				table.Sweep(now)
				o := own(rng.Uint64N(5), rng.Uint64N(5))
				series := o.Metric<<60 | o.Tenant<<56 | rng.Uint64N(300)
				switch rng.IntN(100) {
				case 0:
					snapshot = table.Append(snapshot[:0])
				case 1:
					if len(snapshot) > 0 {
						if err := table.Load(snapshot, now); err != nil {
							t.Error(err)
						}
					}
				case 2:
					table.SetLimits(limits)
				case 3:
					table.Tenants(3)
					table.Announce(o)
				case 4, 5, 6, 7, 8:
					table.Release(series)
				case 9:
					table.Peek(o, series)
				case 10, 11, 12, 13, 14, 15, 16, 17, 18, 19:
					account.Owner, series = o, ^series
					for range 10 { // most of them are refused
						table.AdmitTo(&account, series, now)
						series++
					}
					account = Account{}
				default:
					table.Admit(o, series, now)
				}
				if u := table.Usage(); u.Series > 250 || u.Metrics > 3 || u.Tenants > 4 {
					t.Errorf("over the limit: %+v", u)
				}
			}
		})
	}
	race.Wait()
	checkStructure(t, table)
	c := table.Churn()
	if left := c.Added + c.Restored - c.Expired - c.Released; left != uint64(table.Usage().Series) {
		t.Errorf("%+v leaves %d series, there are %d", c, left, table.Usage().Series)
	}
}
