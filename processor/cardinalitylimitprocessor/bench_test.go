// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatautil"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
)

// The batches of all benchmarks have this many points. Where series are known there are a
// hundred thousand of them, and the batches are drawn from these: few enough to be as near
// to the processor as batches are that a receiver has just read.
const (
	benchPoints  = 1000
	benchBatches = 100
	benchDrawn   = 4
)

// benchBatch has points with this many attributes, all of them series of their own.
func benchBatch(attributes, from int) pmetric.Metrics {
	md := counter("query.events.processed")
	points := numbers(md)
	for i := range benchPoints {
		p := points.AppendEmpty()
		p.SetIntValue(1)
		benchAttributes(p.Attributes(), attributes, from+i)
	}
	return md
}

func benchAttributes(m pcommon.Map, attributes, series int) {
	m.PutStr("query.id", fmt.Sprintf("query-%06d", series))
	for a := 1; a < attributes; a++ {
		m.PutStr(fmt.Sprintf("eventflux.attribute.%02d", a), fmt.Sprintf("value-of-some-length-%d", a))
	}
}

func numbers(md pmetric.Metrics) pmetric.NumberDataPointSlice {
	return md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints()
}

func benchBatchesOf(attributes int) []pmetric.Metrics {
	batches := make([]pmetric.Metrics, benchBatches)
	for i := range batches {
		batches[i] = benchBatch(attributes, i*benchPoints)
	}
	return batches
}

// drawn returns batches of points that are drawn from all series.
func drawn(attributes int) []pmetric.Metrics {
	rng := rand.New(rand.NewPCG(1, 2))
	batches := make([]pmetric.Metrics, benchDrawn)
	for i := range batches {
		batches[i] = counter("query.events.processed")
		points := numbers(batches[i])
		for range benchPoints {
			p := points.AppendEmpty()
			p.SetIntValue(1)
			benchAttributes(p.Attributes(), attributes, rng.IntN(benchPoints*benchBatches))
		}
	}
	return batches
}

func perPoint(b *testing.B, points int) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(points), "ns/point")
}

func benchLimiter(b *testing.B, cfg *Config) *limiter {
	b.Helper()
	return newTestLimiter(b, cfg, consumertest.NewNop(), time.Now)
}

// BenchmarkKnown takes batches of which every series was admitted before.
func BenchmarkKnown(b *testing.B) {
	for _, attributes := range []int{3, 10, 20} {
		b.Run(fmt.Sprintf("attributes=%d", attributes), func(b *testing.B) {
			l := benchLimiter(b, createDefaultConfig().(*Config))
			for _, md := range benchBatchesOf(attributes) {
				require.NoError(b, l.ConsumeMetrics(b.Context(), md))
			}
			batches := drawn(attributes)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				_ = l.ConsumeMetrics(b.Context(), batches[i%benchDrawn])
				i++
			}
			perPoint(b, benchPoints)
		})
	}
}

// BenchmarkMapHash is the alternative to our fingerprints, on the same points.
func BenchmarkMapHash(b *testing.B) {
	for _, attributes := range []int{3, 10, 20} {
		b.Run(fmt.Sprintf("attributes=%d", attributes), func(b *testing.B) {
			batches := drawn(attributes)
			i := 0
			for b.Loop() {
				for _, p := range numbers(batches[i%benchDrawn]).All() {
					pdatautil.MapHash(p.Attributes())
				}
				i++
			}
			perPoint(b, benchPoints)
		})
	}
}

// BenchmarkObserved is BenchmarkKnown where no point is ever taken out.
func BenchmarkObserved(b *testing.B) {
	cfg := createDefaultConfig().(*Config)
	cfg.Action = rule.Observe
	l, batches := benchLimiter(b, cfg), drawn(10)
	for _, md := range batches {
		require.NoError(b, l.ConsumeMetrics(b.Context(), md))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		_ = l.ConsumeMetrics(b.Context(), batches[i%benchDrawn])
		i++
	}
	perPoint(b, benchPoints)
}

// BenchmarkAdmitted fills an empty limiter; it includes all growth.
func BenchmarkAdmitted(b *testing.B) {
	batches := benchBatchesOf(3)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		l := benchLimiter(b, createDefaultConfig().(*Config))
		b.StartTimer()
		for _, md := range batches {
			_ = l.ConsumeMetrics(b.Context(), md)
		}
	}
	perPoint(b, benchPoints*benchBatches)
}

// BenchmarkTwoCores is one hot metric on all cores. Hash is what the same points cost with
// nothing shared at all.
func BenchmarkTwoCores(b *testing.B) {
	for _, goroutines := range []int{1, 2} {
		split := func(b *testing.B, work func(md pmetric.Metrics)) {
			b.Helper()
			private := make([][]pmetric.Metrics, goroutines)
			for g := range private {
				for i := range benchDrawn {
					private[g] = append(private[g], benchBatch(3, (benchDrawn*g+i)*benchPoints))
					work(private[g][i])
				}
			}
			b.ResetTimer()
			var all sync.WaitGroup
			for g := range goroutines {
				all.Go(func() {
					for i := range b.N {
						work(private[g][i%benchDrawn])
					}
				})
			}
			all.Wait()
			perPoint(b, benchPoints*goroutines)
		}
		b.Run(fmt.Sprintf("limiter/goroutines=%d", goroutines), func(b *testing.B) {
			l := benchLimiter(b, createDefaultConfig().(*Config))
			split(b, func(md pmetric.Metrics) { _ = l.ConsumeMetrics(b.Context(), md) })
		})
		b.Run(fmt.Sprintf("hash/goroutines=%d", goroutines), func(b *testing.B) {
			h := identity.New(identity.NewSeed())
			split(b, func(md pmetric.Metrics) {
				for _, p := range numbers(md).All() {
					h.Attributes(p.Attributes())
				}
			})
		})
	}
}

// BenchmarkFolded takes batches of which every point folds, with ten attributes.
func BenchmarkFolded(b *testing.B) {
	for name, fill := range map[string]func(m pmetric.Metric, round int){
		"delta":          func(m pmetric.Metric, _ int) { fillSum(m, pmetric.AggregationTemporalityDelta, 1) },
		"cumulative":     func(m pmetric.Metric, round int) { fillSum(m, pmetric.AggregationTemporalityCumulative, round) },
		"histogram15":    func(m pmetric.Metric, _ int) { fillHistogram(m) },
		"exponential160": func(m pmetric.Metric, _ int) { fillExponential(m) },
	} {
		b.Run(name, func(b *testing.B) {
			cfg := limits(1)
			cfg.SeriesTTL = time.Hour
			l := benchLimiter(b, cfg)
			batch := func(round int) pmetric.Metrics {
				md := pmetric.NewMetrics()
				m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
				m.SetName("query.events.processed")
				fill(m, round)
				return md
			}
			for round := range 3 {
				require.NoError(b, l.ConsumeMetrics(b.Context(), batch(round)))
			}
			// Batches are used up, and made and collected while the clock stands.
			const made = benchDrawn
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			batches := make([]pmetric.Metrics, 0, made)
			round := 3
			for b.Loop() {
				if len(batches) == 0 {
					b.StopTimer()
					runtime.GC()
					for range made {
						round++
						batches = append(batches, batch(round))
					}
					b.StartTimer()
				}
				_ = l.ConsumeMetrics(b.Context(), batches[0])
				batches = batches[1:]
			}
			perPoint(b, benchPoints)
		})
	}
}

func fillSum(m pmetric.Metric, temporality pmetric.AggregationTemporality, value int) {
	m.SetEmptySum().SetAggregationTemporality(temporality)
	m.Sum().SetIsMonotonic(true)
	for i := range benchPoints {
		p := m.Sum().DataPoints().AppendEmpty()
		p.SetIntValue(int64(value))
		p.SetStartTimestamp(1)
		p.SetTimestamp(pcommon.Timestamp(value + 2))
		benchAttributes(p.Attributes(), 10, i)
	}
}

func fillHistogram(m pmetric.Metric) {
	m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	for i := range benchPoints {
		p := m.Histogram().DataPoints().AppendEmpty()
		p.ExplicitBounds().FromRaw([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14})
		p.BucketCounts().FromRaw([]uint64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1})
		p.SetCount(15)
		p.SetSum(100)
		benchAttributes(p.Attributes(), 10, i)
	}
}

func fillExponential(m pmetric.Metric) {
	m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	counts := make([]uint64, 160)
	for i := range counts {
		counts[i] = 1
	}
	for i := range benchPoints {
		p := m.ExponentialHistogram().DataPoints().AppendEmpty()
		p.SetScale(3)
		p.Positive().BucketCounts().FromRaw(counts)
		p.SetCount(160)
		p.SetSum(100)
		benchAttributes(p.Attributes(), 10, i)
	}
}

// BenchmarkOvershoot lets 64 goroutines race for too few places.
func BenchmarkOvershoot(b *testing.B) {
	const limit = 5000
	over := 0
	for b.Loop() {
		l := benchLimiter(b, limitsOf(limit, limit, 10))
		var race sync.WaitGroup
		for g := range 64 {
			race.Go(func() { _ = l.ConsumeMetrics(b.Context(), benchBatch(1, g*benchPoints/2)) })
		}
		race.Wait()
		over = max(over, l.table.Usage().Series-limit)
	}
	b.ReportMetric(float64(over), "series-over")
}
