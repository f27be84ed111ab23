// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// values returns the points of a sum by their attributes.
func values(t *testing.T, data metricdata.Aggregation) map[string]int64 {
	t.Helper()
	require.IsType(t, metricdata.Sum[int64]{}, data)
	byAttrs := make(map[string]int64)
	for _, p := range data.(metricdata.Sum[int64]).DataPoints {
		byAttrs[p.Attributes.Encoded(attribute.DefaultEncoder())] = p.Value
	}
	return byAttrs
}

func TestPastTheLimitOfAFamilyBindingsShareItsOverflowSeries(t *testing.T) {
	var limited []string
	r := NewRegistry(Options{MaxSeriesPerFamily: 2, OnLimit: func(metric string) { limited = append(limited, metric) }})
	for i := range 5 {
		c, _ := r.Counter(requests, attribute.Int("q", i))
		c.Add(int64(1 + i))
	}
	again, _ := r.Counter(requests, attribute.Int("q", 1))
	again.Add(10)
	other, _ := r.Counter(size, attribute.Int("q", 4))
	other.Add(1)

	m := produce(t, r)
	assert.Equal(t, map[string]int64{"q=0": 1, "q=1": 12, "otel.metric.overflow=true": 3 + 4 + 5}, values(t, m["requests"]))
	assert.Equal(t, map[string]int64{"q=4": 1}, values(t, m["size"]), "a limit per family is none of another family's business")
	assert.Equal(t, []string{"requests"}, limited, "told once")
	assert.Equal(t, []Usage{{requests, 2, 3}, {size, 1, 0}}, r.Usage())
}

func TestTheLimitOfTheRegistryCoversAllFamiliesAndRoomComesBack(t *testing.T) {
	r := NewRegistry(Options{MaxSeries: 2})
	_, release := r.Counter(requests, attribute.Int("q", 1))
	r.Counter(size, attribute.Int("q", 1))
	r.Histogram(latency, attribute.Int("q", 1))
	data := produce(t, r)["latency"].(metricdata.Histogram[float64])
	require.Len(t, data.DataPoints, 1)
	_, overflow := data.DataPoints[0].Attributes.Value("otel.metric.overflow")
	assert.True(t, overflow)

	release()
	produce(t, r) // the last export of the released series
	r.Counter(requests, attribute.Int("q", 2))
	assert.Equal(t, map[string]int64{"q=2": 0}, values(t, produce(t, r)["requests"]))
}

func TestAMillionAttributeSetsNeedNoMoreThanTheLimit(t *testing.T) {
	r := NewRegistry(Options{MaxSeriesPerFamily: 1000})
	for i := range 1_000_000 {
		c, _ := r.Counter(requests, attribute.Int("q", i))
		c.Add(1)
	}
	got := values(t, produce(t, r)["requests"])
	assert.Len(t, got, 1001)
	assert.Equal(t, int64(999_000), got["otel.metric.overflow=true"])
}

func TestAttributesAreCleanedWhenBound(t *testing.T) {
	r := NewRegistry(Options{Attribute: func(kv attribute.KeyValue) attribute.KeyValue { return kv.Key.String("***") }})
	r.Counter(requests, attribute.String("url", "secret"))
	assert.Equal(t, map[string]int64{"url=***": 0}, values(t, produce(t, r)["requests"]))
}

func TestAComputedFamilyHasThePointsOfTheMoment(t *testing.T) {
	r, n := NewRegistry(Options{}), 0
	release := r.Each(size, func(emit func(float64, ...attribute.KeyValue)) {
		for i := range n {
			emit(float64(i), attribute.Int("i", i))
		}
	})
	r.Each(load, func(func(float64, ...attribute.KeyValue)) { panic("torn down") })
	assert.Empty(t, produce(t, r))
	n = 2
	assert.Equal(t, map[string]int64{"i=0": 0, "i=1": 1}, values(t, produce(t, r)["size"]))
	release()
	assert.Empty(t, produce(t, r))
}

func TestHooksRunBeforeTheSeriesAreRead(t *testing.T) {
	r := newRegistry(nil)
	c, _ := r.Counter(requests)
	r.OnCollect(func(time.Time) { panic("torn down") })
	r.OnCollect(func(time.Time) { c.Add(1) })
	assert.Equal(t, map[string]int64{"": 1}, values(t, produce(t, r)["requests"]))
}

func BenchmarkProduce(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := NewRegistry(Options{})
			for i := range n {
				r.Counter(requests, attribute.String("query.id", fmt.Sprint(i)))
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = r.Produce(b.Context())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/series")
		})
	}
}

// BenchmarkProduceFuncs measures series that are read through a function.
func BenchmarkProduceFuncs(b *testing.B) {
	const n = 1000
	r := NewRegistry(Options{})
	for i := range n {
		r.Func(load, func() float64 { return 1 }, attribute.Int("n", i))
	}
	for b.Loop() {
		_, _ = r.Produce(b.Context())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/series")
}

// BenchmarkSeriesMemory reports what one counter series of one attribute holds on to.
func BenchmarkSeriesMemory(b *testing.B) {
	const n = 10_000
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("query-", i)
	}
	for b.Loop() {
		r, before := NewRegistry(Options{}), heap()
		for _, id := range ids {
			r.Counter(requests, attribute.String("query.id", id))
		}
		b.ReportMetric(float64(heap()-before)/n, "B/series")
		runtime.KeepAlive(r)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
