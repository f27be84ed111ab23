// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

func filled(n int) (*Table, []uint64) {
	table := New(Limits{SeriesPerMetric: n, Series: n, Metrics: 1, TTL: time.Hour}, start)
	series := make([]uint64, n)
	for i := range series {
		series[i] = rand.Uint64()
		table.Admit(1, series[i], 0)
	}
	return table, series
}

func BenchmarkKnown(b *testing.B) {
	for _, n := range []int{1e3, 1e5, 1e6} {
		b.Run(fmt.Sprintf("series=%d", n), func(b *testing.B) {
			table, series := filled(n)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				table.Admit(1, series[i%n], 0)
				i += 7919
			}
		})
	}
}

func BenchmarkKnownParallel(b *testing.B) {
	table, series := filled(1e5)
	b.RunParallel(func(pb *testing.PB) {
		i := rand.IntN(len(series))
		for pb.Next() {
			table.Admit(1, series[i%len(series)], 0)
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
		table.Admit(1, i*0x9e3779b97f4a7c15, 0)
	}
}

// BenchmarkAdded includes the growth of the table.
func BenchmarkAdded(b *testing.B) {
	const n = 1_000_000
	series := make([]uint64, n)
	for i := range series {
		series[i] = rand.Uint64()
	}
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		table := New(Limits{SeriesPerMetric: n, Series: n, Metrics: 1, TTL: time.Hour}, start)
		for _, s := range series {
			table.Admit(1, s, 0)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(table)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/series")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/series")
}

// BenchmarkSweep expires half of a million series.
func BenchmarkSweep(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		table, series := filled(1e6)
		for _, s := range series[:len(series)/2] {
			table.Admit(1, s, 30)
		}
		b.StartTimer()
		table.Expire(30)
	}
}
