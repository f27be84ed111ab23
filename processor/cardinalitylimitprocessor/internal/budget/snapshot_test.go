// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"
)

var wide = Limits{Series: 1000, SeriesPerTenant: 1000, SeriesPerMetric: 1000, Tenants: 100, Metrics: 100, TTL: time.Hour}

func saved(n uint64) []byte {
	table := New(wide, start)
	for i := range n {
		table.Admit(own(i%7, i%3), i*0x9e3779b97f4a7c15, Tick(i%10))
	}
	return table.Append(nil)
}

func TestASnapshotKeepsAges(t *testing.T) {
	table := New(wide, start)
	table.Admit(own(1, 1), 1<<60, 5)
	table.Admit(own(1, 1), 2<<60, 15)
	prefix := []byte("something before")
	snapshot := table.Append(prefix)[len(prefix):]

	later := New(wide, start)
	if err := later.Load(snapshot, 1000); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		at   Tick
		want int
	}{{1010, 0}, {1011, 1}, {1020, 0}, {1021, 1}} {
		if n, _ := later.Sweep(step.at); n != step.want {
			t.Errorf("Sweep(%d) = %d, want %d", step.at, n, step.want)
		}
	}
}

func TestLoadMergesWithWhatCameMeanwhile(t *testing.T) {
	const mix = 0x9e3779b97f4a7c15
	table := New(wide, start)
	for i := range uint64(20) {
		table.Admit(own(9-i%7, i), i*mix, 3) // other owners, in other positions
	}
	if err := table.Load(saved(300), 3); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(300) {
		expect(t, "a series of either side", table.Peek(own(0, 0), i*mix), Known)
	}
	if got, want := table.Churn(), (Churn{Added: 20, Restored: 280}); got != want {
		t.Errorf("Churn() = %+v, want %+v", got, want)
	}
	if err := table.Load(saved(300), 4); err != nil {
		t.Fatal(err)
	}
	if got, want := table.Churn(), (Churn{Added: 20, Restored: 280}); got != want {
		t.Errorf("after loading it again: Churn() = %+v, want %+v", got, want)
	}
	checkStructure(t, table)
}

func TestLoadKeepsTheLimitsOfNow(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Limits)
		kept   func(Usage) bool
	}{
		"series":                   {func(l *Limits) { l.Series = 50 }, func(u Usage) bool { return u.Series == 50 }},
		"tenants":                  {func(l *Limits) { l.Tenants = 3 }, func(u Usage) bool { return u.Tenants == 3 }},
		"metrics":                  {func(l *Limits) { l.Metrics = 2 }, func(u Usage) bool { return u.Metrics == 2 }},
		"a metric's":               {func(l *Limits) { l.SeriesPerMetric = 5 }, func(u Usage) bool { return u.Series == 21*5 }},
		"a tenant's":               {func(l *Limits) { l.SeriesPerTenant = 10 }, func(u Usage) bool { return u.Series == 70 }},
		"a tenant's, with lending": {func(l *Limits) { l.SeriesPerTenant, l.Lend = 10, 0.1 }, func(u Usage) bool { return u.Series == 300 }},
		"nothing":                  {func(l *Limits) { *l = Limits{TTL: l.TTL} }, func(u Usage) bool { return u.Series == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			limits := wide
			c.change(&limits)
			table := New(limits, start)
			if err := table.Load(saved(300), 0); err != nil {
				t.Fatal(err)
			}
			u, churn := table.Usage(), table.Churn()
			if !c.kept(u) || int(churn.Restored) != u.Series || churn.Restored+churn.Crowded != 300 {
				t.Errorf("Usage() = %+v, Churn() = %+v", u, churn)
			}
			table.Sweep(1)
			if left := table.Usage(); left.Series == 0 && left != (Usage{}) {
				t.Errorf("owners without series stay: %+v", left)
			}
			checkStructure(t, table)
		})
	}
}

func TestAnEmptyTableHasASnapshot(t *testing.T) {
	table := New(wide, start)
	if err := table.Load(New(wide, start).Append(nil), 0); err != nil {
		t.Error(err)
	}
}

// sealed gives a snapshot the checksum that it should have.
func sealed(b []byte) []byte {
	body := b[:len(b)-4]
	return binary.LittleEndian.AppendUint32(slices.Clip(body), crc32.Checksum(body, castagnoli))
}

func TestDamageIsNamed(t *testing.T) {
	good := saved(300)
	changed := func(change func(b []byte) []byte) []byte { return change(append([]byte(nil), good...)) }
	first := binary.LittleEndian.Uint32(good[1:]) // series in shard 0
	for name, c := range map[string]struct {
		snapshot []byte
		want     string
	}{
		"nothing":   {nil, "it ends too early"},
		"a version": {changed(func(b []byte) []byte { b[0] = 9; return b }), "version 9, want 1"},
		"a bit":     {changed(func(b []byte) []byte { b[100] ^= 4; return b }), "checksum"},
		"a part":    {good[:len(good)/2], "checksum"},
		"more":      {changed(func(b []byte) []byte { return sealed(append(b, 0)) }), "goes on after its end"},
		"less":      {changed(func(b []byte) []byte { return sealed(b[:len(b)-1]) }), "too early"},
		"a number that is too large": {
			changed(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[1:], 1<<32-1); return sealed(b) }), "too early",
		},
		"a width": {changed(func(b []byte) []byte { b[5] = 5; return sealed(b) }), "shard 0 have 5 bytes"},
		"an owner that is missing": {
			changed(func(b []byte) []byte { b[6+9*first-1] = 200; return sealed(b) }), "belongs to metric 200",
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := New(wide, start)
			err := table.Load(c.snapshot, 0)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if u := table.Usage(); u != (Usage{}) {
				t.Errorf("a damaged snapshot left %+v", u)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(saved(0))
	f.Add(saved(5))
	f.Add(saved(300))
	f.Fuzz(func(t *testing.T, b []byte) {
		limits := wide
		limits.Series = 50
		table := New(limits, start)
		if len(b) >= 4 {
			b = sealed(b) // past the checksum, or nothing else would be tried
		}
		err := table.Load(b, 7)
		u := table.Usage()
		if err != nil && u != (Usage{}) || u.Series > 50 || u.Tenants > 100 || u.Metrics > 100 {
			t.Fatalf("%+v after %v", u, err)
		}
		checkStructure(t, table)
		if err := New(limits, start).Load(table.Append(nil), 7); err != nil {
			t.Fatalf("what was loaded cannot be saved: %v", err)
		}
	})
}

func FuzzNeverOverTheLimits(f *testing.F) {
	f.Add([]byte("some metrics, some series"), uint8(3), uint8(5), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, perMetric, series, metrics uint8) {
		limits := Limits{SeriesPerMetric: 1 + int(perMetric), Series: 1 + int(series), Metrics: 1 + int(metrics), TTL: time.Second}
		table := New(limits, start)
		for i, b := range in {
			now := Tick(i / 8)
			table.Sweep(now)
			table.Admit(own(uint64(b%3), uint64(b%7)), uint64(b), now)
			if i%16 == 0 {
				table.Release(uint64(b / 2))
			}
			u := table.Usage()
			if u.Series > limits.Series || u.Metrics > limits.Metrics {
				t.Fatalf("step %d: %+v with %+v", i, u, limits)
			}
			if top := table.Largest(1); len(top) > 0 && top[0].Series > top[0].Limit {
				t.Fatalf("step %d: %+v", i, top)
			}
		}
		checkStructure(t, table)
	})
}
