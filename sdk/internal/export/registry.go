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

// Options configures a Registry. Scope is required, the rest may stay zero.
type Options struct {
	Scope instrumentation.Scope

	MaxSeries          int // over all families; zero means no limit
	MaxSeriesPerFamily int // zero means no limit

	NoExemplars bool // histograms are exported without

	Delta bool // sums that only grow and histograms report what was added since the collection before

	Collected func(took time.Duration)                    // told of every collection when it is over
	Attribute func(attribute.KeyValue) attribute.KeyValue // applied to every attribute of a binding
	OnPanic   func(metric string, recovered any)          // a function of the host panicked; its point is left out
	OnHang    func(metric string)                         // a function of the host takes too long; its point is left out
	OnLimit   func(metric string)                         // a family met a limit for the first time
}

// Registry holds the series of families. Binding and releasing lock it; recording does not. All methods are safe
// for concurrent use. A nil Registry binds nothing: it returns nil cells, which are legal and record nothing.
//
// Memory is bounded by the limits: past them a binding gets the family's overflow series, which carries the one
// attribute otel.metric.overflow=true and takes part in every export like any other. Functions are not called past
// the limits: the answers of an unbounded number of them could only be had by holding on to all of them.
type Registry struct {
	opts Options

	mu     sync.Mutex
	tables map[*Family]*table
	order  []*table
	live   int // series over all tables, without overflow series
	hooks  []func(now time.Time)

	collecting sync.Mutex // one collection at a time: delta state has one owner
}

// table is one family and its series.
type table struct {
	family     *Family
	series     map[attribute.Distinct]*series
	list       []*series // the same ones, dense: a collection walks it several times as fast as a map
	overflow   *series
	overflowed uint64 // bindings that got the overflow series
	computed   []*computation
}

// NewRegistry returns an empty Registry. Families are exported in the order of their first binding.
func NewRegistry(opts Options) *Registry {
	if opts.Collected == nil {
		opts.Collected = func(time.Duration) {}
	}
	if opts.Attribute == nil {
		opts.Attribute = func(kv attribute.KeyValue) attribute.KeyValue { return kv }
	}
	if opts.OnPanic == nil {
		opts.OnPanic = func(string, any) {}
	}
	if opts.OnHang == nil {
		opts.OnHang = func(string) {}
	}
	if opts.OnLimit == nil {
		opts.OnLimit = func(string) {}
	}
	return &Registry{opts: opts, tables: make(map[*Family]*table)}
}

// Counter binds the series of f with attrs and returns its total and a function that releases it. The series is
// exported from now on, starting at zero. Two bindings of one attribute set share one total.
func (r *Registry) Counter(f *Family, attrs ...attribute.KeyValue) (*cells.Counter, func()) {
	if r == nil {
		return nil, func() {}
	}
	s := r.bind(f, attrs, nil)
	return &s.total, r.releaser(s, nil)
}

// Histogram is Counter for a family of kind Histogram.
func (r *Registry) Histogram(f *Family, attrs ...attribute.KeyValue) (*cells.Histogram, func()) {
	if r == nil {
		return nil, func() {}
	}
	s := r.bind(f, attrs, nil)
	return s.histogram, r.releaser(s, nil)
}

// Func binds a function that is called at every collection, under recover. One that takes longer than a second or
// two has no point until it returns. No call begins after the returned release function has returned. What read returns
// is in the family's unit.
func (r *Registry) Func(f *Family, read func() float64, attrs ...attribute.KeyValue) func() {
	if r == nil {
		return func() {}
	}
	rd := &reader{read: read}
	s := r.bind(f, attrs, rd)
	return r.releaser(s, rd)
}

// Each binds a function that computes a whole family at every collection, for attribute sets that are known only
// then. Its points do not count against the limits: whoever computes them bounds them.
func (r *Registry) Each(f *Family, compute func(emit func(value float64, attrs ...attribute.KeyValue))) func() {
	c := &computation{compute: compute}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.table(f)
	t.computed = append(slices.Clip(t.computed), c)
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		t.computed = slices.DeleteFunc(slices.Clone(t.computed), func(other *computation) bool { return other == c })
	})
}

// OnCollect registers a function that runs at the beginning of every collection, for what is brought up to date
// only then. It runs under recover.
func (r *Registry) OnCollect(hook func(now time.Time)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hooks = append(slices.Clip(r.hooks), hook)
}

// Usage is how many series a family holds, and how many bindings its limit has turned away.
type Usage struct {
	Family     *Family
	Active     int
	Overflowed uint64
}

// Usage lists the families in use.
func (r *Registry) Usage() []Usage {
	r.mu.Lock()
	defer r.mu.Unlock()
	usage := make([]Usage, 0, len(r.order))
	for _, t := range r.order {
		usage = append(usage, Usage{Family: t.family, Active: len(t.series), Overflowed: t.overflowed})
	}
	return usage
}

// table returns the table of f. Call it under the lock.
func (r *Registry) table(f *Family) *table {
	t, ok := r.tables[f]
	if !ok {
		t = &table{family: f, series: make(map[attribute.Distinct]*series)}
		r.tables[f] = t
		r.order = append(r.order, t)
	}
	return t
}

func (r *Registry) bind(f *Family, attrs []attribute.KeyValue, rd *reader) *series {
	clean := make([]attribute.KeyValue, len(attrs))
	for i, kv := range attrs {
		clean[i] = r.opts.Attribute(kv)
	}
	s, limited := r.lookup(f, attribute.NewSet(clean...), rd)
	if limited {
		r.opts.OnLimit(f.Name)
	}
	return s
}

// lookup finds or makes the series of set, and reports whether the family has just met a limit.
func (r *Registry) lookup(f *Family, set attribute.Set, rd *reader) (s *series, limited bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.table(f)
	s, ok := t.series[set.Equivalent()]
	switch {
	case ok:
	case r.full(t):
		t.overflowed++
		limited = t.overflowed == 1
		if rd != nil {
			return newSeries(f, set, time.Now()), limited // never exported
		}
		s = t.overflowSeries()
	default:
		s = newSeries(f, set, time.Now())
		t.add(s)
		r.live++
	}
	s.refs++
	if rd != nil {
		s.setFunctions(append(slices.Clip(s.functions()), rd))
	}
	return s, limited
}

// full reports whether t may not get another series.
func (r *Registry) full(t *table) bool {
	return (r.opts.MaxSeries > 0 && r.live >= r.opts.MaxSeries) ||
		(r.opts.MaxSeriesPerFamily > 0 && len(t.series) >= r.opts.MaxSeriesPerFamily)
}

func (t *table) add(s *series) {
	t.series[s.attrs.Equivalent()] = s
	s.index = int32(len(t.list))
	t.list = append(t.list, s)
}

func (t *table) remove(s *series) {
	delete(t.series, s.attrs.Equivalent())
	last := t.list[len(t.list)-1]
	t.list[s.index], last.index = last, s.index
	t.list[len(t.list)-1] = nil
	t.list = t.list[:len(t.list)-1]
}

// overflowSeries is the one series that stands for all that a limit keeps apart no longer.
func (t *table) overflowSeries() *series {
	if t.overflow == nil {
		t.overflow = newSeries(t.family, attribute.NewSet(attribute.Bool("otel.metric.overflow", true)), time.Now())
	}
	return t.overflow
}

// releaser returns a function that gives one binding back, once. A series without bindings stays until it has
// been exported a last time, so that its final total is not lost; bound again before that, it goes on counting.
func (r *Registry) releaser(s *series, rd *reader) func() {
	var once sync.Once
	return func() { once.Do(func() { r.release(s, rd) }) }
}

func (r *Registry) release(s *series, rd *reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.refs--
	if rd == nil {
		return
	}
	rd.closed.Store(true)
	s.setFunctions(slices.DeleteFunc(slices.Clone(s.functions()), func(other *reader) bool { return other == rd }))
}
