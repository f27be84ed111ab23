// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

// computation is a function that computes all points of a family.
type computation struct {
	compute func(emit func(value float64, attrs ...attribute.KeyValue))
}

// points reads every series of a sum or gauge, in the family's unit.
func points[N int64 | float64](r *Registry, b batch, now time.Time) []metricdata.DataPoint[N] {
	out := make([]metricdata.DataPoint[N], 0, len(b.series))
	delta := r.temporality(b.family) == metricdata.DeltaTemporality
	for _, s := range b.series {
		value, ok := read[N](r, b.family, s)
		if !ok {
			continue
		}
		start := time.Unix(0, s.start)
		if delta {
			var added float64
			start, added = s.addedSinceLast(start, float64(value), now)
			value = N(added)
		}
		out = append(out, metricdata.DataPoint[N]{Attributes: s.attrs, StartTime: start, Time: now, Value: value})
	}
	for _, c := range b.computed {
		r.guarded(b.family.Name, func() {
			c.compute(func(value float64, attrs ...attribute.KeyValue) {
				if number(value) {
					out = append(out, metricdata.DataPoint[N]{Attributes: attribute.NewSet(attrs...), StartTime: now, Time: now, Value: N(value)})
				}
			})
		})
	}
	return out
}

// read is the value of one series, and false if it has none.
func read[N int64 | float64](r *Registry, f *Family, s *series) (N, bool) {
	switch {
	case f.Kind == Gauge:
		value, ok := largest(s)
		return N(value), ok
	case len(s.functions()) == 0 && !f.scaled():
		return N(s.total.Load()), true
	default:
		value, ok := r.total(f, s)
		return N(value), ok
	}
}

// total is the counted total of a series plus what its functions say, and false if no function answered: no point
// is better than a made-up zero.
func (r *Registry) total(f *Family, s *series) (value float64, ok bool) {
	functions := s.functions()
	value, failed := float64(s.total.Load())/f.perUnit(), 0
	for _, rd := range functions {
		if !rd.answered {
			failed++
			continue
		}
		value += rd.value
	}
	return value, failed == 0 || failed < len(functions)
}

// largest is the largest answer of the functions of a series.
func largest(s *series) (value float64, ok bool) {
	value = math.Inf(-1)
	for _, rd := range s.functions() {
		if rd.answered {
			value, ok = max(value, rd.value), true
		}
	}
	return value, ok
}

// guarded runs call and reports whether it returned.
func (r *Registry) guarded(metric string, call func()) (returned bool) {
	defer func() {
		if p := recover(); p != nil {
			r.opts.OnPanic(metric, p)
		}
	}()
	call()
	return true
}

func number(v float64) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0)
}

// addedSinceLast turns a total into what was added since the collection before.
func (s *series) addedSinceLast(start time.Time, total float64, now time.Time) (since time.Time, added float64) {
	if s.last == nil {
		s.last = &reported{at: start}
	}
	since, added = s.last.at, total-s.last.value
	s.last.at, s.last.value = now, total
	return since, added
}

// sinceLast turns a snapshot into what was observed since the collection before.
func (s *series) sinceLast(start time.Time, total cells.Snapshot, now time.Time) (since time.Time, added cells.Snapshot) {
	if s.last == nil {
		s.last = &reported{at: start, counts: make([]uint64, len(total.Counts))}
	}
	since, added = s.last.at, total
	added.Counts = slices.Clone(total.Counts)
	added.Count, added.Sum = 0, total.Sum-s.last.sum
	for i, before := range s.last.counts {
		added.Counts[i] -= before
		added.Count += added.Counts[i]
	}
	s.last.at, s.last.sum, s.last.counts = now, total.Sum, total.Counts
	return since, added
}
