// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// view is one series as a collection sees it: taken under the lock, read outside it.
type view struct {
	*series

	readers []*reader
}

// Produce implements the metric SDK's Producer. Every call returns memory of its own, because readers keep and
// reuse what they were handed. It never fails and never panics: a family whose function panics is left out.
//
// Temporality is always cumulative; a series starts at its binding.
func (r *Registry) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	now, views := r.snapshot()
	metrics := make([]metricdata.Metrics, 0, len(r.families))
	for i, f := range r.families {
		data := r.collect(f, views[i], now)
		if data == nil {
			continue
		}
		metrics = append(metrics, metricdata.Metrics{Name: f.Name, Description: f.Description, Unit: f.Unit, Data: data})
	}
	return []metricdata.ScopeMetrics{{Scope: r.scope, Metrics: metrics}}, nil
}

// snapshot lists every series per family and forgets those that nothing is bound to any more.
func (r *Registry) snapshot() (time.Time, [][]view) {
	r.mu.Lock()
	defer r.mu.Unlock()
	views := make([][]view, len(r.families))
	for i, f := range r.families {
		views[i] = make([]view, 0, len(r.series[f]))
		for key, s := range r.series[f] {
			views[i] = append(views[i], view{series: s, readers: slices.Clone(s.readers)})
			if s.refs <= 0 {
				delete(r.series[f], key)
			}
		}
	}
	return time.Now(), views
}

// collect builds the data of one family, or nil if it has no points.
func (r *Registry) collect(f *Family, views []view, now time.Time) (data metricdata.Aggregation) {
	defer func() {
		if p := recover(); p != nil {
			r.onPanic(f.Name, p)
			data = nil
		}
	}()
	switch f.Kind {
	case Histogram:
		return histogramData(f, views, now)
	case Gauge:
		return r.gaugeData(f, views, now)
	default:
		return r.sumData(f, views, now)
	}
}

func (r *Registry) sumData(f *Family, views []view, now time.Time) metricdata.Aggregation {
	points := make([]metricdata.DataPoint[int64], 0, len(views))
	for _, v := range views {
		total, failed := v.counter.Load(), 0
		for _, rd := range v.readers {
			value, ok := r.call(f, rd)
			if !ok {
				failed++
				continue
			}
			total += int64(value)
		}
		if failed > 0 && failed == len(v.readers) {
			continue // no function answered: no point is better than a made-up zero
		}
		points = append(points, metricdata.DataPoint[int64]{Attributes: v.attrs, StartTime: v.start, Time: now, Value: total})
	}
	if len(points) == 0 {
		return nil
	}
	return metricdata.Sum[int64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality, IsMonotonic: f.Kind == Counter}
}

func (r *Registry) gaugeData(f *Family, views []view, now time.Time) metricdata.Aggregation {
	points := make([]metricdata.DataPoint[float64], 0, len(views))
	for _, v := range views {
		largest, found := math.Inf(-1), false
		for _, rd := range v.readers {
			if value, ok := r.call(f, rd); ok {
				largest, found = max(largest, value), true
			}
		}
		if found {
			points = append(points, metricdata.DataPoint[float64]{Attributes: v.attrs, StartTime: v.start, Time: now, Value: largest})
		}
	}
	if len(points) == 0 {
		return nil
	}
	return metricdata.Gauge[float64]{DataPoints: points}
}

// call runs a function of the host. It reports false if there is no value: the binding was released, the
// function panicked, or it returned something that is not a number.
func (r *Registry) call(f *Family, rd *reader) (value float64, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			r.onPanic(f.Name, p)
			ok = false
		}
	}()
	if rd.closed.Load() {
		return 0, false
	}
	value = rd.read()
	return value, !math.IsNaN(value) && !math.IsInf(value, 0)
}

func histogramData(f *Family, views []view, now time.Time) metricdata.Aggregation {
	points := make([]metricdata.HistogramDataPoint[float64], 0, len(views))
	for _, v := range views {
		s := v.histogram.Snapshot()
		point := metricdata.HistogramDataPoint[float64]{
			Attributes: v.attrs, StartTime: v.start, Time: now,
			Count: s.Count, Sum: s.Sum.Seconds(), Bounds: slices.Clone(f.Bounds), BucketCounts: s.Counts,
		}
		for _, e := range s.Exemplars {
			point.Exemplars = append(point.Exemplars, metricdata.Exemplar[float64]{
				FilteredAttributes: []attribute.KeyValue{}, Time: e.Time, Value: e.Value.Seconds(),
				TraceID: e.TraceID[:], SpanID: e.SpanID[:],
			})
		}
		points = append(points, point)
	}
	if len(points) == 0 {
		return nil
	}
	return metricdata.Histogram[float64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality}
}
