// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

var (
	requests = &Family{Name: "requests", Kind: Counter}
	size     = &Family{Name: "size", Kind: UpDown}
	load     = &Family{Name: "load", Kind: Gauge}
	latency  = &Family{Name: "latency", Kind: Histogram, Bounds: []float64{1}, Unit: "s", PerUnit: 1e9}
	busy     = &Family{Name: "busy", Kind: Counter, Unit: "s", PerUnit: 1e9}
)

func newRegistry(onPanic func(string, any)) *Registry {
	return NewRegistry(Options{Scope: instrumentation.Scope{Name: "test"}, OnPanic: onPanic})
}

// produce returns the metrics of one collection by name.
func produce(t *testing.T, r *Registry) map[string]metricdata.Aggregation {
	t.Helper()
	scopes, err := r.Produce(context.Background())
	if err != nil || len(scopes) != 1 {
		t.Fatalf("Produce() = %d scopes, %v", len(scopes), err)
	}
	byName := make(map[string]metricdata.Aggregation)
	for _, m := range scopes[0].Metrics {
		byName[m.Name] = m.Data
	}
	return byName
}

func sum1(t *testing.T, data metricdata.Aggregation) metricdata.DataPoint[int64] {
	t.Helper()
	points := data.(metricdata.Sum[int64]).DataPoints
	if len(points) != 1 {
		t.Fatalf("%d points, want 1", len(points))
	}
	return points[0]
}

func TestOneAttributeSetIsOneSeries(t *testing.T) {
	r := newRegistry(nil)
	a, _ := r.Counter(requests, attribute.String("k", "v"), attribute.Int("n", 1))
	b, _ := r.Counter(requests, attribute.Int("n", 1), attribute.String("k", "v"))
	a.Add(1)
	b.Add(2)
	if got := sum1(t, produce(t, r)["requests"]).Value; got != 3 {
		t.Errorf("value = %d, want 3", got)
	}
}

func TestAReleasedSeriesIsExportedOnceMore(t *testing.T) {
	r := newRegistry(nil)
	c, release := r.Counter(requests)
	c.Add(4)
	release()
	release()
	if got := sum1(t, produce(t, r)["requests"]).Value; got != 4 {
		t.Errorf("last value = %d, want 4", got)
	}
	if data, ok := produce(t, r)["requests"]; ok {
		t.Errorf("a released series came again: %v", data)
	}
}

func TestASeriesBoundAgainBeforeItsLastExportGoesOn(t *testing.T) {
	r := newRegistry(nil)
	c, release := r.Counter(requests)
	c.Add(4)
	begun := sum1(t, produce(t, r)["requests"]).StartTime
	release()
	c, _ = r.Counter(requests)
	c.Add(1)
	if p := sum1(t, produce(t, r)["requests"]); p.Value != 5 || !p.StartTime.Equal(begun) {
		t.Errorf("value %d since %s, want 5 since %s", p.Value, p.StartTime, begun)
	}
}

func TestASeriesBoundAfterItsLastExportStartsAnew(t *testing.T) {
	r := newRegistry(nil)
	c, release := r.Counter(requests)
	c.Add(4)
	release()
	last := sum1(t, produce(t, r)["requests"])
	_, _ = r.Counter(requests)
	p := sum1(t, produce(t, r)["requests"])
	if p.Value != 0 || p.StartTime.Before(last.Time) {
		t.Errorf("value %d since %s, want 0 since after %s", p.Value, p.StartTime, last.Time)
	}
}

func TestFunctionsOfSumsAddUpAndOfGaugesTheLargestWins(t *testing.T) {
	r := newRegistry(nil)
	for _, v := range []float64{3, 4} {
		r.Func(size, func() float64 { return v })
		r.Func(load, func() float64 { return v })
	}
	m := produce(t, r)
	if got := sum1(t, m["size"]).Value; got != 7 {
		t.Errorf("size = %d, want 7", got)
	}
	if got := m["load"].(metricdata.Gauge[float64]).DataPoints[0].Value; got != 4 {
		t.Errorf("load = %v, want 4", got)
	}
}

func TestAFunctionWithoutAnAnswerGivesNoPoint(t *testing.T) {
	var panics int
	r := newRegistry(func(string, any) { panics++ })
	r.Func(size, func() float64 { panic("torn down") })
	r.Func(load, math.NaN)
	m := produce(t, r)
	if len(m) != 0 {
		t.Errorf("metrics = %v, want none", m)
	}
	if panics != 1 {
		t.Errorf("%d panics reported, want 1", panics)
	}
}

func TestAFunctionThatHangsCostsOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hung []string
		r := NewRegistry(Options{OnHang: func(metric string) { hung = append(hung, metric) }})
		let := make(chan float64)
		r.Func(load, func() float64 { return <-let })
		r.Func(size, func() float64 { return 2 })
		for range 2 {
			began := time.Now()
			if got := sum1(t, produce(t, r)["size"]).Value; got != 2 {
				t.Errorf("size = %d, want 2", got)
			}
			if took := time.Since(began); took > 2*patience {
				t.Errorf("a collection took %s", took)
			}
		}
		if len(hung) != 1 {
			t.Errorf("hung: %v, want it to be told once", hung)
		}
		let <- 1 // nobody takes this answer any more
		synctest.Wait()
		go func() { let <- 3 }()
		if got := produce(t, r)["load"].(metricdata.Gauge[float64]).DataPoints[0].Value; got != 3 {
			t.Errorf("load = %v, want 3: it answers again", got)
		}
	})
}

func TestNoCallBeginsAfterRelease(t *testing.T) {
	r := newRegistry(nil)
	called := false
	release := r.Func(load, func() float64 { called = true; return 1 })
	release()
	produce(t, r)
	if called {
		t.Error("a released function was called")
	}
}

func TestEveryCollectionOwnsItsMemory(t *testing.T) {
	r := newRegistry(nil)
	c, _ := r.Counter(requests)
	h, _ := r.Histogram(latency)
	h.Observe(1)
	first := produce(t, r)
	c.Add(1)
	h.Observe(1)
	second := produce(t, r)
	// A reader may scribble over what it was given.
	second["requests"].(metricdata.Sum[int64]).DataPoints[0].Value = 99
	second["latency"].(metricdata.Histogram[float64]).DataPoints[0].Bounds[0] = 99
	second["latency"].(metricdata.Histogram[float64]).DataPoints[0].BucketCounts[0] = 99
	if got := sum1(t, first["requests"]).Value; got != 0 {
		t.Errorf("the first collection changed to %d", got)
	}
	third := produce(t, r)["latency"].(metricdata.Histogram[float64]).DataPoints[0]
	if third.Bounds[0] != 1 || third.BucketCounts[0] != 2 {
		t.Errorf("the registry changed: %v %v", third.Bounds, third.BucketCounts)
	}
}

func TestBindingAndCollectingConcurrentSafe(t *testing.T) {
	r := newRegistry(nil)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 200 {
				c, release := r.Counter(requests, attribute.Int("worker", i%2))
				c.Add(1)
				stop := r.Func(load, func() float64 { return 1 })
				stop()
				release()
			}
		})
	}
	wg.Go(func() {
		for range 200 {
			_, _ = r.Produce(context.Background())
		}
	})
	wg.Wait()
}
