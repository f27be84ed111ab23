// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// batch is what one collection takes from one table.
type batch struct {
	family   *Family
	series   []*series
	computed []*computation
}

// Produce implements the metric SDK's Producer. Every call returns memory of its own, because readers keep and
// reuse what they were handed. It never fails and never panics: a family whose function panics is left out.
//
// A cumulative series starts at its binding, a delta series at the collection before.
func (r *Registry) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	r.collecting.Lock()
	defer r.collecting.Unlock()
	began := time.Now()
	defer func() { r.opts.Collected(time.Since(began)) }()
	r.runHooks()
	now, batches := r.snapshot()
	r.ask(batches)
	metrics := make([]metricdata.Metrics, 0, len(batches))
	for _, b := range batches {
		data := r.collect(b, now)
		if data == nil {
			continue
		}
		metrics = append(metrics, metricdata.Metrics{Name: b.family.Name, Description: b.family.Description, Unit: b.family.Unit, Data: data})
	}
	return []metricdata.ScopeMetrics{{Scope: r.opts.Scope, Metrics: metrics}}, nil
}

// runHooks calls what wants to be called before a collection.
func (r *Registry) runHooks() {
	r.mu.Lock()
	hooks := r.hooks
	r.mu.Unlock()
	for _, hook := range hooks {
		r.guarded("collection", func() { hook(time.Now()) })
	}
}

// snapshot lists every series per family and forgets those that nothing is bound to any more.
func (r *Registry) snapshot() (time.Time, []batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	batches := make([]batch, 0, len(r.order))
	for _, t := range r.order {
		b := batch{family: t.family, computed: t.computed, series: append(make([]*series, 0, len(t.list)+1), t.list...)}
		for _, s := range b.series {
			if s.refs <= 0 {
				t.remove(s)
				r.live--
			}
		}
		if t.overflow != nil {
			b.series = append(b.series, t.overflow)
		}
		batches = append(batches, b)
	}
	return time.Now(), batches
}

// collect builds the data of one family, or nil if it has no points.
func (r *Registry) collect(b batch, now time.Time) (data metricdata.Aggregation) {
	defer func() {
		if p := recover(); p != nil {
			r.opts.OnPanic(b.family.Name, p)
			data = nil
		}
	}()
	f := b.family
	switch {
	case f.Kind == Histogram:
		return r.histogramData(f, b.series, now)
	case f.Kind == Gauge:
		return gauge(points[float64](r, b, now))
	case f.scaled():
		return sum(f, r.temporality(f), points[float64](r, b, now))
	default:
		return sum(f, r.temporality(f), points[int64](r, b, now))
	}
}

// temporality is that of the exporter for kinds that can have one: a sum that goes down is always cumulative.
func (r *Registry) temporality(f *Family) metricdata.Temporality {
	if r.opts.Delta && f.Kind != UpDown {
		return metricdata.DeltaTemporality
	}
	return metricdata.CumulativeTemporality
}

func gauge(points []metricdata.DataPoint[float64]) metricdata.Aggregation {
	if len(points) == 0 {
		return nil
	}
	return metricdata.Gauge[float64]{DataPoints: points}
}

func sum[N int64 | float64](f *Family, t metricdata.Temporality, points []metricdata.DataPoint[N]) metricdata.Aggregation {
	if len(points) == 0 {
		return nil
	}
	return metricdata.Sum[N]{DataPoints: points, Temporality: t, IsMonotonic: f.Kind == Counter}
}

// histogramData builds the points of a histogram. They share one copy of the bounds, as those of the SDK do.
func (r *Registry) histogramData(f *Family, list []*series, now time.Time) metricdata.Aggregation {
	points := make([]metricdata.HistogramDataPoint[float64], 0, len(list))
	bounds := slices.Clone(f.Bounds)
	for _, s := range list {
		points = append(points, r.histogramPoint(f, s, bounds, now))
	}
	if len(points) == 0 {
		return nil
	}
	return metricdata.Histogram[float64]{DataPoints: points, Temporality: r.temporality(f)}
}

func (r *Registry) histogramPoint(f *Family, in *series, bounds []float64, now time.Time) metricdata.HistogramDataPoint[float64] {
	s := in.histogram.Snapshot()
	start := time.Unix(0, in.start)
	if r.opts.Delta {
		start, s = in.sinceLast(start, s, now)
	}
	point := metricdata.HistogramDataPoint[float64]{
		Attributes: in.attrs, StartTime: start, Time: now,
		Count: s.Count, Sum: float64(s.Sum) / f.perUnit(), Bounds: bounds, BucketCounts: s.Counts,
	}
	for _, e := range s.Exemplars {
		if r.opts.NoExemplars || e.Time.Before(start) {
			continue // not wanted, or of an interval that has been reported
		}
		point.Exemplars = append(point.Exemplars, metricdata.Exemplar[float64]{
			FilteredAttributes: []attribute.KeyValue{}, Time: e.Time, Value: float64(e.Value) / f.perUnit(),
			TraceID: e.TraceID[:], SpanID: e.SpanID[:],
		})
	}
	return point
}
