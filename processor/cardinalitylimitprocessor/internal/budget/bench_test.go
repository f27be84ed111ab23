// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// shapes are a million series in one cell and in a hundred thousand of them.
var shapes = []struct {
	name             string
	tenants, metrics int
}{
	{"cells=1", 1, 1},
	{"cells=100000", 1000, 100},
}

func roomy(n int) *Table {
	return New(Limits{Series: n, SeriesPerMetric: n, Metrics: n, TTL: time.Hour}, start)
}

func fingerprints(n int) []uint64 {
	rng := rand.New(rand.NewPCG(1, 2))
	series := make([]uint64, n)
	for i := range series {
		series[i] = rng.Uint64()
	}
	return series
}

// fill admits series, the owners taking turns.
func fill(table *Table, series []uint64, tenants, metrics int) {
	for i, s := range series {
		cell := uint64(i) * 7919 % uint64(tenants*metrics)
		table.Admit(Owner{Tenant: cell / uint64(metrics), Metric: cell % uint64(metrics)}, s, 0)
	}
}

func filled(n int) (*Table, []uint64) {
	table, series := roomy(n), fingerprints(n)
	fill(table, series, 1, 1)
	return table, series
}

func BenchmarkKnown(b *testing.B) {
	for _, n := range []int{1e3, 1e5, 1e6} {
		b.Run(fmt.Sprintf("series=%d", n), func(b *testing.B) {
			table, series := filled(n)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				table.Admit(Owner{}, series[i], 0)
				if i += 7919; i >= n {
					i %= n
				}
			}
		})
	}
}

func BenchmarkKnownParallel(b *testing.B) {
	table, series := filled(1e5)
	b.RunParallel(func(pb *testing.PB) {
		i := rand.IntN(len(series))
		for pb.Next() {
			table.Admit(Owner{}, series[i%len(series)], 0)
			i += 7919
		}
	})
}

func BenchmarkRefused(b *testing.B) {
	table, _ := filled(1e5)
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		i++
		table.Admit(Owner{}, i*0x9e3779b97f4a7c15, 0)
	}
}

// BenchmarkAdded fills a table with a million series; it includes all growth.
func BenchmarkAdded(b *testing.B) {
	series := fingerprints(1e6)
	for _, shape := range shapes {
		b.Run(shape.name, func(b *testing.B) {
			var before, after runtime.MemStats
			live := uint64(0)
			for b.Loop() {
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&before)
				table := roomy(len(series))
				b.StartTimer()
				fill(table, series, shape.tenants, shape.metrics)
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&after)
				runtime.KeepAlive(table)
				live = after.HeapAlloc - before.HeapAlloc
				b.StartTimer()
			}
			n := float64(len(series))
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/series")
			b.ReportMetric(float64(live)/n, "B/series")
		})
	}
}

// BenchmarkSweep looks at a million series, of which one in a hundred expired. It also
// tells how long the lock of a shard was held, in most cases and in the worst.
func BenchmarkSweep(b *testing.B) {
	table, series := filled(1e6)
	var held []time.Duration
	now := Tick(0)
	for b.Loop() {
		b.StopTimer()
		for i, s := range series {
			seen := now
			if i%100 > 0 {
				seen += 10
			}
			table.Admit(Owner{}, s, seen)
		}
		now += ticksPerTTL + 1
		b.StartTimer()
		for i := range table.shards {
			began := time.Now()
			table.dead = table.shards[i].expire(now, table.dead[:0])
			held = append(held, time.Since(began))
			table.bury(table.dead)
		}
	}
	slices.Sort(held)
	b.ReportMetric(float64(held[len(held)*999/1000].Nanoseconds())/1e3, "µs-held-p99.9")
	b.ReportMetric(float64(held[len(held)-1].Nanoseconds())/1e3, "µs-held-max")
}

func BenchmarkSnapshot(b *testing.B) {
	series := fingerprints(1e6)
	for _, shape := range shapes {
		table := roomy(len(series))
		fill(table, series, shape.tenants, shape.metrics)
		saved := table.Append(nil)
		b.Run("encode/"+shape.name, func(b *testing.B) {
			for b.Loop() {
				table.Append(nil)
			}
			b.ReportMetric(float64(len(saved)), "B")
		})
		b.Run("decode/"+shape.name, func(b *testing.B) {
			for b.Loop() {
				if err := roomy(len(series)).Load(saved, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
