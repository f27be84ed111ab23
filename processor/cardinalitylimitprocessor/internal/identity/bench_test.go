// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatautil"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

var sizes = []int{3, 6, 10, 20}

func attributes(n int) pcommon.Map {
	m := pcommon.NewMap()
	for i := range n {
		m.PutStr(fmt.Sprintf("eventflux.attribute.%02d", i), fmt.Sprintf("value-of-some-length-%d", i))
	}
	return m
}

func BenchmarkSeries(b *testing.B) {
	h := New(NewSeed())
	for _, n := range sizes {
		b.Run(fmt.Sprintf("attributes=%d", n), func(b *testing.B) {
			m := attributes(n)
			b.ReportAllocs()
			for b.Loop() {
				sum, _ := h.Attributes(m)
				Series(1, 2, sum)
			}
		})
	}
}

// BenchmarkMapHash is the alternative: sort the keys, then hash 128 bits.
func BenchmarkMapHash(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("attributes=%d", n), func(b *testing.B) {
			m := attributes(n)
			b.ReportAllocs()
			for b.Loop() {
				pdatautil.MapHash(m)
			}
		})
	}
}

// BenchmarkSeriesToMapHash takes both in turns, so that a busy machine is busy for both, and
// reports the ratio of the best times.
func BenchmarkSeriesToMapHash(b *testing.B) {
	h := New(NewSeed())
	var sink uint64 // keeps the work from being left out
	best := func(old time.Duration, f func() uint64) time.Duration {
		start := time.Now()
		for range 200 {
			sink += f()
		}
		return min(old, time.Since(start))
	}
	for _, n := range sizes {
		b.Run(fmt.Sprintf("attributes=%d", n), func(b *testing.B) {
			m := attributes(n)
			ours, theirs := time.Hour, time.Hour
			for b.Loop() {
				ours = best(ours, func() uint64 {
					sum, _ := h.Attributes(m)
					return Series(1, 2, sum)
				})
				theirs = best(theirs, func() uint64 {
					hash := pdatautil.MapHash(m)
					return uint64(hash[0])
				})
			}
			b.ReportMetric(float64(ours)/200, "ns/series")
			b.ReportMetric(float64(theirs)/200, "ns/maphash")
			b.ReportMetric(float64(ours)/float64(theirs), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func BenchmarkBytes(b *testing.B) {
	h, v := New(NewSeed()), pcommon.NewValueBytes()
	for _, n := range []int{16, 1 << 20} {
		v.Bytes().FromRaw(make([]byte, n))
		b.Run(fmt.Sprintf("bytes=%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				h.Pair("k", v)
			}
		})
	}
}

func BenchmarkText(b *testing.B) {
	h := New(NewSeed())
	for _, n := range []int{8, 16, 32, 128, 1 << 20} {
		text := strings.Repeat("x", n)
		b.Run(fmt.Sprintf("bytes=%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				h.Text(text)
			}
		})
	}
}

// BenchmarkManyAttributes is one point that a hostile sender made.
func BenchmarkManyAttributes(b *testing.B) {
	h := New(NewSeed())
	for _, n := range []int{100, 10_000} {
		m := attributes(n)
		b.Run(fmt.Sprintf("attributes=%d", n), func(b *testing.B) {
			for b.Loop() {
				h.Attributes(m)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/attribute")
		})
	}
}
