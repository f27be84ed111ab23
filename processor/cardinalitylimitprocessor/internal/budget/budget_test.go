// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var start = time.Unix(1_700_000_000, 0)

func at(t *Table, after time.Duration) Tick { return t.Tick(start.Add(after)) }

func own(tenant, metric uint64) Owner { return Owner{Tenant: tenant, Metric: metric} }

func expect(t *testing.T, does string, got, want Verdict) {
	t.Helper()
	if got != want {
		t.Errorf("%s: verdict %d, want %d", does, got, want)
	}
}

func TestVerdicts(t *testing.T) {
	limits := Limits{Series: 9, SeriesPerTenant: 5, SeriesPerMetric: 3, Tenants: 3, Metrics: 3, TTL: time.Hour}
	table := New(limits, start)
	steps := []struct {
		does   string
		owner  Owner
		series uint64
		want   Verdict
	}{
		{"the first series is added", own(1, 1), 1, Added},
		{"and known from then on", own(1, 1), 1, Known},
		{"the second is more than half of three", own(1, 1), 2, AddedHigh},
		{"the third fills the metric", own(1, 1), 3, AddedHigh},
		{"the fourth has no room", own(1, 1), 4, MetricFull},
		{"also not when it comes again", own(1, 1), 4, MetricFull},
		{"known ones are not touched by that", own(1, 1), 2, Known},
		{"the tenant's next metric has room, the tenant not much", own(1, 2), 5, AddedHigh},
		{"until the tenant is full", own(1, 2), 6, AddedHigh},
		{"then it has no room in any metric", own(1, 2), 7, TenantFull},
		{"nor in a new one", own(1, 3), 7, TenantFull},
		{"another tenant has its own room, in the same metric too", own(2, 1), 8, Added},
		{"a metric may have a limit of its own, smaller", Owner{Tenant: 2, Metric: 1, Limit: 1}, 9, MetricFull},
		{"or larger", Owner{Tenant: 2, Metric: 1, Limit: 4}, 9, Added},
		{"the third metric is the last", own(2, 3), 10, AddedHigh},
		{"a fourth has no place, whoever asks", own(3, 4), 11, MetricLimit},
		{"the third tenant has one, and fills the table", own(3, 1), 11, Added},
		{"then there is no room within any limit", own(3, 1), 12, TableFull},
		{"nor for a new metric of the tenant", own(3, 2), 12, TableFull},
		{"and a fourth tenant is one too many", own(4, 1), 12, TenantLimit},
	}
	for _, s := range steps {
		if s.want != Known {
			peeked := s.want
			if peeked == AddedHigh {
				peeked = Added
			}
			expect(t, "before "+s.does, table.Peek(s.owner, s.series), peeked)
		}
		expect(t, s.does, table.Admit(s.owner, s.series, 0), s.want)
	}
	want := Usage{Series: 9, Tenants: 3, Metrics: 3, MetricsFull: 1, TenantsFull: 1}
	if got := table.Usage(); got != want {
		t.Errorf("Usage() = %+v, want %+v", got, want)
	}
	for v, admitted := range []bool{true, true, true, true, false, false, false, false, false} {
		if got := Verdict(v).Admitted(); got != admitted {
			t.Errorf("verdict %d: Admitted() = %v", v, got)
		}
	}
}

func TestTheFirstSightInATickIsTold(t *testing.T) {
	table := New(Limits{Series: 2, SeriesPerMetric: 2, Metrics: 1, TTL: time.Hour}, start)
	expect(t, "new", table.Admit(own(1, 1), 1, 5), Added)
	expect(t, "the same tick", table.Admit(own(1, 1), 1, 5), Known)
	expect(t, "the next tick", table.Admit(own(1, 1), 1, 6), Renewed)
	expect(t, "a batch that was held up", table.Admit(own(1, 1), 1, 5), Known)
	expect(t, "the next tick goes on", table.Admit(own(1, 1), 1, 6), Known)
}

func TestWithoutTenantLimitsOnlyTheOthersCount(t *testing.T) {
	table := New(Limits{Series: 3, SeriesPerMetric: 9, Metrics: 9, TTL: time.Hour}, start)
	for n := range uint64(3) {
		if v := table.Admit(own(n, 1), n, 0); !v.Admitted() {
			t.Errorf("tenant %d: verdict %d", n, v)
		}
	}
	expect(t, "the table is full", table.Admit(own(9, 1), 9, 0), TableFull)
}

func TestUnusedRoomIsLent(t *testing.T) {
	limits := Limits{Series: 10, SeriesPerTenant: 2, SeriesPerMetric: 10, Metrics: 1, Lend: 0.6, TTL: time.Hour}
	table := New(limits, start)
	for series := range uint64(6) {
		if v := table.Admit(own(1, 1), series, 0); !v.Admitted() {
			t.Errorf("series %d: verdict %d, 6 of 10 are to be lent", series, v)
		}
	}
	expect(t, "the reserve is not lent", table.Admit(own(1, 1), 6, 0), TenantFull)
	expect(t, "it is for a tenant in its limit", table.Admit(own(2, 1), 10, 0), Added)
	expect(t, "and its second", table.Admit(own(2, 1), 11, 0), AddedHigh)
	expect(t, "it gets no loan now", table.Admit(own(2, 1), 12, 0), TenantFull)
	expect(t, "what was lent stays", table.Admit(own(1, 1), 5, 0), Known)
	table.Release(0)
	table.Release(1)
	table.Release(2)
	expect(t, "with room again there are loans again", table.Admit(own(1, 1), 6, 0), AddedHigh)
	expect(t, "up to the reserve", table.Admit(own(1, 1), 7, 0), TenantFull)
}

func TestEveryFingerprintIsLikeAnyOther(t *testing.T) {
	table := New(Limits{Series: 600, SeriesPerMetric: 600, Metrics: 1, TTL: time.Hour}, start)
	odd := []uint64{0, 1, 255, 256, 1 << 55, 1<<56 - 1, 1 << 56, 1<<64 - 1, 0x0101010101010101, 0x8080808080808080}
	for bit := range 64 {
		odd = append(odd, ^uint64(1<<bit))
	}
	for _, series := range odd {
		if v := table.Admit(own(0, 0), series, 0); !v.Admitted() || v == Known {
			t.Errorf("%x: verdict %d, want added", series, v)
		}
	}
	for _, series := range odd {
		expect(t, fmt.Sprintf("%x again", series), table.Admit(own(0, 0), series, 0), Known)
	}
}

func TestPeekRemembersNothing(t *testing.T) {
	table := New(Limits{Series: 2, SeriesPerMetric: 1, Metrics: 2, Tenants: 2, TTL: time.Hour}, start)
	expect(t, "new", table.Peek(own(1, 1), 1), Added)
	expect(t, "still new", table.Peek(own(1, 1), 1), Added)
	if got := table.Usage(); got != (Usage{}) {
		t.Errorf("Usage() = %+v after Peek", got)
	}
	table.Admit(own(1, 1), 1, 0)
	expect(t, "known", table.Peek(own(1, 1), 1), Known)
	table.Sweep(ticksPerTTL)
	table.Peek(own(1, 1), 1)
	if n, _ := table.Sweep(ticksPerTTL + 1); n != 1 {
		t.Errorf("Peek kept a series alive")
	}
}

func TestReleaseFreesThePlaceAtOnce(t *testing.T) {
	table := New(Limits{Series: 1, SeriesPerMetric: 1, SeriesPerTenant: 1, Tenants: 1, Metrics: 1, TTL: time.Hour}, start)
	table.Admit(own(1, 1), 1, 0)
	if table.Release(2) {
		t.Error("Release of an unknown series = true")
	}
	if !table.Release(1) {
		t.Error("Release of a known series = false")
	}
	if table.Release(1) {
		t.Error("Release of a released series = true")
	}
	expect(t, "the place is free", table.Admit(own(1, 1), 2, 0), AddedHigh)
	if got, want := table.Churn(), (Churn{Added: 2, Released: 1}); got != want {
		t.Errorf("Churn() = %+v, want %+v", got, want)
	}
}

func TestLowerLimitsDrain(t *testing.T) {
	limits := Limits{Series: 10, SeriesPerMetric: 10, Metrics: 2, TTL: time.Hour}
	table := New(limits, start)
	for series := range uint64(8) {
		table.Admit(own(1, 1), series, Tick(series))
	}
	limits.SeriesPerMetric = 3
	table.SetLimits(limits)
	for series := range uint64(8) {
		if v := table.Peek(own(1, 1), series); v != Known {
			t.Errorf("series %d was evicted", series)
		}
	}
	expect(t, "full", table.Admit(own(1, 1), 9, 8), MetricFull)
	table.Sweep(ticksPerTTL + 5) // 0 to 4 go, three are left
	expect(t, "still full", table.Admit(own(1, 1), 9, ticksPerTTL+5), MetricFull)
	table.Sweep(ticksPerTTL + 6)
	expect(t, "drained", table.Admit(own(1, 1), 9, ticksPerTTL+6), AddedHigh)
	limits.SeriesPerMetric = 4
	table.SetLimits(limits)
	expect(t, "higher limits count at once", table.Admit(own(1, 1), 10, ticksPerTTL+6), AddedHigh)
}

func TestANewTimeToLiveKeepsTheShareThatWasUsed(t *testing.T) {
	limits := Limits{Series: 10, SeriesPerMetric: 10, Metrics: 1, TTL: 20 * time.Hour}
	table := New(limits, start)
	table.Admit(own(1, 1), 1, at(table, 0))
	if got := at(table, 10*time.Hour); got != 10 {
		t.Errorf("Tick after half of the time = %d, want 10", got)
	}
	limits.TTL = 20 * time.Minute
	table.SetLimits(limits)
	for _, step := range []struct {
		after time.Duration
		want  Tick
	}{{10 * time.Hour, 10}, {10*time.Hour + 59*time.Second, 10}, {10*time.Hour + 10*time.Minute, 20}, {0, 10}} {
		if got := at(table, step.after); got != step.want {
			t.Errorf("Tick(%s) = %d, want %d", step.after, got, step.want)
		}
	}
	if n, _ := table.Sweep(at(table, 10*time.Hour+11*time.Minute)); n != 1 {
		t.Errorf("%d expired, want 1: the other half is ten minutes now", n)
	}
}

func TestAMuchLongerTimeToLiveAfterManyTicks(t *testing.T) {
	limits := Limits{Series: 1, SeriesPerMetric: 1, Metrics: 1, TTL: time.Second}
	table := New(limits, start)
	before := at(table, 10*time.Hour)
	limits.TTL = 30 * 24 * time.Hour
	table.SetLimits(limits)
	if got := at(table, 10*time.Hour); got != before {
		t.Errorf("Tick = %d, want %d as before", got, before)
	}
	if got := at(table, 47*time.Hour); got != before+1 {
		t.Errorf("Tick a day and a half later = %d, want %d", got, before+1)
	}
}

func TestTheClockStopsAtItsEnd(t *testing.T) {
	table := New(Limits{TTL: time.Nanosecond}, start)
	if got := at(table, 100*365*24*time.Hour); got != 1<<31-1 {
		t.Errorf("Tick in a hundred years = %d", got)
	}
	if got := at(table, -time.Hour); got != 0 {
		t.Errorf("Tick before the start = %d", got)
	}
}

func TestEachFullOwnerIsAnnouncedOnce(t *testing.T) {
	limits := Limits{Series: 2, SeriesPerMetric: 1, Tenants: 2, Metrics: 2, TTL: time.Hour}
	table := New(limits, start)
	table.Admit(own(1, 1), 1, 0)
	table.Admit(own(1, 2), 2, 0)
	once := func(does string, o Owner) {
		t.Helper()
		if !table.Announce(o) || table.Announce(o) {
			t.Errorf("%s is not announced exactly once", does)
		}
	}
	once("a metric", own(1, 1))
	once("another metric", own(1, 2))
	once("the tenant's metrics without series", own(1, 3))
	once("tenants without series", own(2, 1))
	if table.Announce(own(3, 1)) {
		t.Error("a second tenant without series is announced")
	}
	table.Sweep(ticksPerTTL + 1)
	table.Admit(own(1, 1), 1, ticksPerTTL+1)
	once("a metric that came back", own(1, 1))
	once("the next tenant without series, after there was room", own(2, 1))
}

func TestTheLargestComeFirst(t *testing.T) {
	table := New(Limits{Series: 100, SeriesPerTenant: 50, SeriesPerMetric: 20, Metrics: 10, TTL: time.Hour}, start)
	series := uint64(0)
	for cell, n := range []int{3, 9, 1, 7, 7} {
		for range n {
			series++
			table.Admit(Owner{Tenant: uint64(cell / 2), Metric: uint64(cell), Limit: cell * 10}, series, 0)
		}
	}
	want := []Use{{0, 1, 9, 10}, {1, 3, 7, 30}, {2, 4, 7, 40}, {0, 0, 3, 20}}
	if got := table.Largest(4); !slices.Equal(got, want) {
		t.Errorf("Largest(4) = %v, want %v", got, want)
	}
	want = []Use{{0, 0, 12, 50}, {1, 0, 8, 50}, {2, 0, 7, 50}}
	if got := table.Tenants(9); !slices.Equal(got, want) {
		t.Errorf("Tenants(9) = %v, want %v", got, want)
	}
	if got := table.Largest(0); len(got) != 0 {
		t.Errorf("Largest(0) = %v", got)
	}
}

// Reports follow the rules of now, not those from when the series came.
func TestALimitThatChangesIsReported(t *testing.T) {
	table := New(Limits{Series: 100, SeriesPerMetric: 20, Metrics: 10, TTL: time.Hour}, start)
	table.Admit(Owner{Tenant: 1, Metric: 1, Limit: 5}, 1, 0)
	table.Admit(own(1, 1), 2, 0)
	if got := table.Largest(1)[0].Limit; got != 20 {
		t.Errorf("Limit = %d, want 20", got)
	}
	table.Admit(Owner{Tenant: 1, Metric: 1, Limit: 1}, 3, 0)
	if got := table.Largest(1)[0].Limit; got != 1 {
		t.Errorf("Limit = %d, want 1", got)
	}
	if got := table.Usage().MetricsFull; got != 1 {
		t.Errorf("MetricsFull = %d, want 1", got)
	}
}
