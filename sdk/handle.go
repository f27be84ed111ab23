// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// handle is what every handle is made of: the attributes that all its series carry, and what it gives back when
// it is closed. The generated code in handles_generated.go consists of a type per handle that embeds one, a
// constructor on its owner that calls App.open or Query.open with the identity, and one method per metric:
//
//	func (s *Sink) Errors(errorType string) *Counter {
//		if s == nil {
//			return nil
//		}
//		return s.counter(semconv.SinkErrors, semconv.ErrorType(errorType))
//	}
//
// with timeCounter, upDownCounter, gauge, histogram and sizeHistogram for the other instruments: counters and
// histograms in seconds are a TimeCounter and a Histogram, all others a Counter and a SizeHistogram.
type handle struct {
	sdk   *SDK
	attrs []attribute.KeyValue
	own   bindings

	mu    sync.Mutex
	bound map[slot]any
}

// slot tells the instruments of a handle apart: by metric, and by the values of further attributes.
type slot struct {
	metric        semconv.Metric
	first, second string
}

// open makes h a handle of a with the given identity. It is closed together with a. The answer is false if a has
// more handles than the SDK may hold series: then nothing of the SDK holds on to h.
func (a *App) open(h *handle, identity ...attribute.KeyValue) bool {
	h.sdk, h.attrs = a.sdk, identity
	return a.own.adopt(&h.own, a.sdk.maxSeries)
}

// open is the same for a handle of q, whose query.id it carries.
func (q *Query) open(h *handle, identity ...attribute.KeyValue) {
	h.sdk, h.attrs = q.sdk, append(slices.Clone(q.attrs), identity...)
	q.own.adopt(&h.own, q.sdk.maxSeries)
}

// instrument returns the handle's instrument for m and the further attributes: the one that is there, or a new
// one. It returns nil if the SDK does not record at the metric's level.
func instrument[I any](h *handle, m semconv.Metric, more []attribute.KeyValue, bind func(attrs []attribute.KeyValue) *I) *I {
	if !h.sdk.measures(m) {
		return nil
	}
	key := slot{metric: m}
	if len(more) > 0 {
		key.first = more[0].Value.AsString()
	}
	if len(more) > 1 {
		key.second = more[1].Value.AsString()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if known, ok := h.bound[key]; ok {
		return known.(*I)
	}
	if h.bound == nil {
		h.bound = make(map[slot]any)
	}
	made := bind(slices.Concat(h.attrs, more))
	h.bound[key] = made
	return made
}

func (h *handle) counter(m semconv.Metric, more ...attribute.KeyValue) *Counter {
	return instrument(h, m, more, func(attrs []attribute.KeyValue) *Counter { return (*Counter)(h.total(m, attrs)) })
}

func (h *handle) timeCounter(m semconv.Metric, more ...attribute.KeyValue) *TimeCounter {
	return instrument(h, m, more, func(attrs []attribute.KeyValue) *TimeCounter { return (*TimeCounter)(h.total(m, attrs)) })
}

func (h *handle) upDownCounter(m semconv.Metric, more ...attribute.KeyValue) *UpDownCounter {
	return instrument(h, m, more, func(attrs []attribute.KeyValue) *UpDownCounter {
		c := &UpDownCounter{total: h.total(m, attrs), handle: h}
		c.reading.bind(family(m), attrs...)
		h.own.release(c.reading.close)
		return c
	})
}

func (h *handle) gauge(m semconv.Metric, more ...attribute.KeyValue) *Gauge {
	return instrument(h, m, more, func(attrs []attribute.KeyValue) *Gauge {
		g := &Gauge{handle: h}
		g.reading.bind(family(m), attrs...)
		h.own.release(g.reading.close)
		return g
	})
}

func (h *handle) histogram(m semconv.Metric, more ...attribute.KeyValue) *Histogram {
	return instrument(h, m, more, func(attrs []attribute.KeyValue) *Histogram { return (*Histogram)(h.buckets(m, attrs)) })
}

func (h *handle) sizeHistogram(m semconv.Metric, more ...attribute.KeyValue) *SizeHistogram {
	return instrument(h, m, more, func(attrs []attribute.KeyValue) *SizeHistogram { return (*SizeHistogram)(h.buckets(m, attrs)) })
}

func (h *handle) total(m semconv.Metric, attrs []attribute.KeyValue) *cells.Counter {
	total, release := h.sdk.registry.Counter(family(m), attrs...)
	h.own.release(release)
	return total
}

func (h *handle) buckets(m semconv.Metric, attrs []attribute.KeyValue) *cells.Histogram {
	buckets, release := h.sdk.registry.Histogram(family(m), attrs...)
	h.own.release(release)
	return buckets
}
