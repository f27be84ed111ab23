// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"math"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// split divides rm into requests of at most limit data points, in order. It shares the points with rm; without
// points there are no requests.
func split(rm *metricdata.ResourceMetrics, limit int) []*metricdata.ResourceMetrics {
	p := packer{whole: rm, limit: limit}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			p.add(scope.Scope, m)
		}
	}
	return p.requests
}

// packer fills one request after the other.
type packer struct {
	whole    *metricdata.ResourceMetrics
	limit    int
	requests []*metricdata.ResourceMetrics
	room     int // left in the last of requests
}

// add packs all points of m, over as many requests as that takes.
func (p *packer) add(scope instrumentation.Scope, m metricdata.Metrics) {
	whole := m.Data
	for from := 0; ; {
		if p.room == 0 {
			p.requests = append(p.requests, &metricdata.ResourceMetrics{Resource: p.whole.Resource})
			p.room = p.limit
		}
		var n int
		if m.Data, n = part(whole, from, p.room); n == 0 {
			break
		}
		p.put(scope, m)
		from += n
		p.room -= n
	}
	if last := len(p.requests) - 1; len(p.requests[last].ScopeMetrics) == 0 {
		p.requests, p.room = p.requests[:last], 0
	}
}

// put adds m to the last request.
func (p *packer) put(scope instrumentation.Scope, m metricdata.Metrics) {
	request := p.requests[len(p.requests)-1]
	if n := len(request.ScopeMetrics); n == 0 || request.ScopeMetrics[n-1].Scope != scope {
		request.ScopeMetrics = append(request.ScopeMetrics, metricdata.ScopeMetrics{Scope: scope})
	}
	in := &request.ScopeMetrics[len(request.ScopeMetrics)-1]
	in.Metrics = append(in.Metrics, m)
}

// Points counts the data points of a collection.
func Points(rm *metricdata.ResourceMetrics) (n int) {
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			_, points := part(m.Data, 0, math.MaxInt)
			n += points
		}
	}
	return n
}

// part returns data with at most limit of its points, beginning with the one at index from, and their number.
func part(data metricdata.Aggregation, from, limit int) (metricdata.Aggregation, int) {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		d.DataPoints = window(d.DataPoints, from, limit)
		return d, len(d.DataPoints)
	case metricdata.Sum[float64]:
		d.DataPoints = window(d.DataPoints, from, limit)
		return d, len(d.DataPoints)
	case metricdata.Gauge[int64]:
		d.DataPoints = window(d.DataPoints, from, limit)
		return d, len(d.DataPoints)
	case metricdata.Gauge[float64]:
		d.DataPoints = window(d.DataPoints, from, limit)
		return d, len(d.DataPoints)
	case metricdata.Histogram[int64]:
		d.DataPoints = window(d.DataPoints, from, limit)
		return d, len(d.DataPoints)
	case metricdata.Histogram[float64]:
		d.DataPoints = window(d.DataPoints, from, limit)
		return d, len(d.DataPoints)
	case metricdata.ExponentialHistogram[int64]:
		d.DataPoints = window(d.DataPoints, from, limit)
		return d, len(d.DataPoints)
	case metricdata.ExponentialHistogram[float64]:
		d.DataPoints = window(d.DataPoints, from, limit)
		return d, len(d.DataPoints)
	default:
		return nil, 0 // nothing else comes out of the metric SDK
	}
}

func window[P any](points []P, from, limit int) []P {
	return points[from : from+min(limit, len(points)-from)]
}
