// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

// Registry holds the series of a fixed list of families. Binding and releasing lock it; recording does not.
// All methods are safe for concurrent use.
type Registry struct {
	// Rewrite is applied to every attribute that is bound, if it is not nil. Set it before the first binding.
	Rewrite func(attribute.KeyValue) attribute.KeyValue

	scope    instrumentation.Scope
	families []*Family
	onPanic  func(metric string, recovered any)

	mu     sync.Mutex
	series map[*Family]map[attribute.Distinct]*series
}

// NewRegistry returns a Registry that exports families, in this order, under scope. onPanic is told which metric
// a recovered panic belongs to; the metric is left out of that collection.
func NewRegistry(scope instrumentation.Scope, onPanic func(metric string, recovered any), families ...*Family) *Registry {
	r := &Registry{
		scope:    scope,
		families: families,
		onPanic:  onPanic,
		series:   make(map[*Family]map[attribute.Distinct]*series, len(families)),
	}
	for _, f := range families {
		r.series[f] = make(map[attribute.Distinct]*series)
	}
	return r
}

// Counter binds the series of f with attrs and returns its total and a function that releases it. The series is
// exported from now on, starting at zero. Two bindings of one attribute set share one total.
func (r *Registry) Counter(f *Family, attrs ...attribute.KeyValue) (*cells.Counter, func()) {
	s := r.bind(f, attrs, nil)
	return s.counter, r.releaser(s, nil)
}

// Histogram is Counter for a family of kind Histogram.
func (r *Registry) Histogram(f *Family, attrs ...attribute.KeyValue) (*cells.Histogram, func()) {
	s := r.bind(f, attrs, nil)
	return s.histogram, r.releaser(s, nil)
}

// Func binds a function that is called at every collection, on the collecting goroutine, under recover. No call
// begins after the returned release function has returned. Values of UpDown families are truncated to integers.
func (r *Registry) Func(f *Family, read func() float64, attrs ...attribute.KeyValue) func() {
	rd := &reader{read: read}
	s := r.bind(f, attrs, rd)
	return r.releaser(s, rd)
}

func (r *Registry) bind(f *Family, attrs []attribute.KeyValue, rd *reader) *series {
	if r.Rewrite != nil {
		attrs = slices.Clone(attrs)
		for i, kv := range attrs {
			attrs[i] = r.Rewrite(kv)
		}
	}
	set := attribute.NewSet(attrs...)
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.series[f][set.Equivalent()]
	if !ok {
		s = newSeries(f, set, time.Now())
		r.series[f][set.Equivalent()] = s
	}
	s.refs++
	if rd != nil {
		s.readers = append(s.readers, rd)
	}
	return s
}

// releaser returns a function that gives one binding back, once. A series without bindings stays until it has
// been exported a last time, so that its final total is not lost; bound again before that, it goes on counting.
func (r *Registry) releaser(s *series, rd *reader) func() {
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		s.refs--
		if rd == nil {
			return
		}
		rd.closed.Store(true)
		s.readers = slices.DeleteFunc(s.readers, func(other *reader) bool { return other == rd })
	})
}
