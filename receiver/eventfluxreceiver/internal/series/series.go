// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package series remembers which series each engine has, so that they can be
// ended when the engine does. It has no clock.
//
// What a metric is is kept once for all engines that have it; each series is the
// attributes of its points, as bytes. A full store of 200 000 series of as many
// queries takes about 20 MB.
package series

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
)

// gone is how long a series is kept that its engine sends no longer, once there
// is need for its place.
const gone = 15 * time.Minute

// Limits bound what is remembered. Zero remembers nothing.
type Limits struct {
	Total, PerEngine int
}

// Store holds the series of engines. It is safe for concurrent use; requests of
// different engines do not wait for each other.
type Store struct {
	limits Limits
	total  atomic.Int64

	mu      sync.Mutex
	engines map[engines.Identity]*engine
}

type engine struct {
	mu       sync.Mutex
	taken    bool // out of the store
	resource pcommon.Map
	metrics  map[unique.Handle[metric]]points
	count    int // of series
	scratch  scratch
}

// points has the attributes of each series of a metric, and when the series was
// last seen, in seconds.
type points map[string]int64

// metric is what makes two points of different metrics different series, and what
// a backend needs to find them again.
type metric struct {
	name, unit, description             string
	kind                                pmetric.MetricType
	monotonic                           bool
	scopeName, scopeVersion, scopeAttrs string
	schemaURL                           string
}

// New returns an empty store.
func New(limits Limits) *Store {
	return &Store{limits: limits, engines: make(map[engines.Identity]*engine)}
}

// Len returns the number of series remembered.
func (s *Store) Len() int64 { return s.total.Load() }

// Learn remembers the series in metrics of an engine, but for those of the scope
// except. It returns how many there was no room for. resource is kept and not to be
// modified. The cost is about 60 ns for each point.
func (s *Store) Learn(
	id engines.Identity, resource pcommon.Map, rm pmetric.ResourceMetrics, except string, now time.Time,
) (refused int) {
	if s.limits.Total == 0 || s.limits.PerEngine == 0 {
		return 0
	}
	e := s.lock(id)
	defer e.mu.Unlock()
	e.resource = resource
	l := learner{store: s, engine: e, now: now.Unix()}
	for _, sm := range rm.ScopeMetrics().All() {
		if sm.Scope().Name() == except {
			continue
		}
		of := metric{
			scopeName: sm.Scope().Name(), scopeVersion: sm.Scope().Version(),
			scopeAttrs: string(e.scratch.encode(sm.Scope().Attributes())), schemaURL: sm.SchemaUrl(),
		}
		for _, m := range sm.Metrics().All() {
			l.learn(of, m)
		}
	}
	return l.refused
}

// lock returns the engine, locked.
func (s *Store) lock(id engines.Identity) *engine {
	for {
		s.mu.Lock()
		e, ok := s.engines[id]
		if !ok {
			e = &engine{resource: pcommon.NewMap(), metrics: make(map[unique.Handle[metric]]points)}
			s.engines[id] = e
		}
		s.mu.Unlock()
		e.mu.Lock()
		if !e.taken {
			return e
		}
		e.mu.Unlock() // it was taken out in between
	}
}

// Ended are the series of one engine, taken out of the store.
type Ended struct {
	// Metrics has a point without a value for each series, each in a metric of its
	// own: the Prometheus exporter reads no further in a metric than to the first.
	Metrics pmetric.Metrics
	// Series is how many there are.
	Series int

	id engines.Identity
	of *engine
}

// End takes the series of the engine out of the store.
func (s *Store) End(id engines.Identity, now time.Time) Ended {
	s.mu.Lock()
	e, ok := s.engines[id]
	delete(s.engines, id)
	s.mu.Unlock()
	if !ok {
		return Ended{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.taken = true
	s.total.Add(-int64(e.count))
	return Ended{Metrics: e.ends(pcommon.NewTimestampFromTime(now)), Series: e.count, id: id, of: e}
}

// Undo puts back what End took out, for another try.
func (s *Store) Undo(ended Ended) {
	e := s.lock(ended.id)
	defer e.mu.Unlock()
	e.resource = ended.of.resource
	for of, back := range ended.of.metrics {
		now := e.points(of)
		before := len(now)
		maps.Copy(now, back)
		e.count += len(now) - before
		s.total.Add(int64(len(now) - before))
	}
}

// Others returns the engines with series that are not among known.
func (s *Store) Others(known map[engines.Identity]struct{}) []engines.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	var others []engines.Identity
	for id := range s.engines {
		if _, ok := known[id]; !ok {
			others = append(others, id)
		}
	}
	return others
}

// learner goes through the metrics of one request.
type learner struct {
	store   *Store
	engine  *engine
	of      unique.Handle[metric]
	known   points // of that metric, nil before its first series
	now     int64
	swept   bool
	refused int
}

// begin turns to another metric.
func (l *learner) begin(of metric) {
	l.of = unique.Make(of)
	l.known = l.engine.metrics[l.of]
}

func (l *learner) learn(of metric, m pmetric.Metric) {
	of.name, of.unit, of.description, of.kind = m.Name(), m.Unit(), m.Description(), m.Type()
	switch of.kind {
	case pmetric.MetricTypeGauge:
		numbers(l, of, m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		of.monotonic = m.Sum().IsMonotonic()
		numbers(l, of, m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		l.begin(of)
		for _, p := range m.Histogram().DataPoints().All() {
			l.point(p.Attributes(), p.Flags())
		}
	case pmetric.MetricTypeExponentialHistogram:
		l.begin(of)
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			l.point(p.Attributes(), p.Flags())
		}
	case pmetric.MetricTypeSummary:
		l.begin(of)
		for _, p := range m.Summary().DataPoints().All() {
			l.point(p.Attributes(), p.Flags())
		}
	default:
	}
}

func numbers(l *learner, of metric, points pmetric.NumberDataPointSlice) {
	l.begin(of)
	for _, p := range points.All() {
		l.point(p.Attributes(), p.Flags())
	}
}

// point remembers one series of the metric.
func (l *learner) point(attrs pcommon.Map, flags pmetric.DataPointFlags) {
	if flags.NoRecordedValue() {
		return
	}
	key := l.engine.scratch.encode(attrs)
	seen, old := l.known[string(key)] // allocates nothing
	switch {
	case old && l.now-seen < int64(gone/time.Second)/4:
		return
	case !old && !l.room():
		l.refused++
		return
	case !old:
		l.engine.count++
		l.store.total.Add(1)
		l.known = l.engine.points(l.of)
	}
	l.known[string(key)] = l.now
}

// room reports whether there is room for one more series, and makes some if it
// can. The total may be overshot by as many as there are requests at work.
func (l *learner) room() bool {
	if l.fits() {
		return true
	}
	if l.swept {
		return false
	}
	l.swept = true
	for of, known := range l.engine.metrics {
		for key, seen := range known {
			if l.now-seen > int64(gone/time.Second) {
				delete(known, key)
				l.engine.count--
				l.store.total.Add(-1)
			}
		}
		if len(known) == 0 {
			delete(l.engine.metrics, of)
		}
	}
	l.known = l.engine.metrics[l.of]
	return l.fits()
}

func (l *learner) fits() bool {
	return l.engine.count < l.store.limits.PerEngine && l.store.total.Load() < int64(l.store.limits.Total)
}

// points returns those of a metric, none at first.
func (e *engine) points(of unique.Handle[metric]) points {
	known, ok := e.metrics[of]
	if !ok {
		known = make(points)
		e.metrics[of] = known
	}
	return known
}

// ends returns the end of every series.
func (e *engine) ends(now pcommon.Timestamp) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	e.resource.CopyTo(rm.Resource().Attributes())
	scopes := make(map[metric]pmetric.ScopeMetrics)
	for handle, known := range e.metrics {
		of := handle.Value()
		key := metric{scopeName: of.scopeName, scopeVersion: of.scopeVersion, scopeAttrs: of.scopeAttrs, schemaURL: of.schemaURL}
		sm, ok := scopes[key]
		if !ok {
			sm = rm.ScopeMetrics().AppendEmpty()
			sm.Scope().SetName(of.scopeName)
			sm.Scope().SetVersion(of.scopeVersion)
			sm.SetSchemaUrl(of.schemaURL)
			decode(of.scopeAttrs, sm.Scope().Attributes())
			scopes[key] = sm
		}
		for attrs := range known {
			of.end(attrs, now, sm.Metrics().AppendEmpty())
		}
	}
	return md
}

// end writes a metric with one point, which ends a series. Its temporality is
// cumulative whatever that of the series was: the delta_to_cumulative processor takes
// any delta for a value and would begin the series anew.
func (of *metric) end(attrs string, now pcommon.Timestamp, m pmetric.Metric) {
	m.SetName(of.name)
	m.SetUnit(of.unit)
	m.SetDescription(of.description)
	flags := pmetric.DefaultDataPointFlags.WithNoRecordedValue(true)
	switch of.kind {
	case pmetric.MetricTypeSum:
		m.SetEmptySum().SetIsMonotonic(of.monotonic)
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		endNumber(m.Sum().DataPoints().AppendEmpty(), attrs, now)
	case pmetric.MetricTypeHistogram:
		m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := m.Histogram().DataPoints().AppendEmpty()
		p.SetTimestamp(now)
		p.SetFlags(flags)
		decode(attrs, p.Attributes())
	case pmetric.MetricTypeExponentialHistogram:
		m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := m.ExponentialHistogram().DataPoints().AppendEmpty()
		p.SetTimestamp(now)
		p.SetFlags(flags)
		decode(attrs, p.Attributes())
	case pmetric.MetricTypeSummary:
		p := m.SetEmptySummary().DataPoints().AppendEmpty()
		p.SetTimestamp(now)
		p.SetFlags(flags)
		decode(attrs, p.Attributes())
	default:
		endNumber(m.SetEmptyGauge().DataPoints().AppendEmpty(), attrs, now)
	}
}

func endNumber(p pmetric.NumberDataPoint, attrs string, now pcommon.Timestamp) {
	p.SetTimestamp(now)
	p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	decode(attrs, p.Attributes())
}
