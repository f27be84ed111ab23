// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/health"
	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// partStates are the states of a check; the whole has all of wholeStates.
var (
	partStates  = []health.Status{health.Unknown, health.Healthy, health.Degraded, health.Unhealthy}
	wholeStates = append(slices.Clip(partStates), health.ShuttingDown)
)

// Health returns the registry of this engine's health checks. Their results are exported as metrics and each change
// as a log event. Trouble, and its end, is also a line of the local log; without export that is all. Shutdown makes
// the registry ShuttingDown before the last export, and closes it.
//
// On a nil SDK the registry is nil: it runs no check and is healthy.
func (s *SDK) Health() *health.Registry {
	if s == nil {
		return nil
	}
	return s.health
}

// newHealth returns the registry that reports through s.
func (s *SDK) newHealth() *health.Registry {
	return health.New(health.Observer{
		Added: s.checkAdded,
		Changed: func(c health.Change) {
			s.overall.count(c)
			s.logHealth(c)
		},
	})
}

// bindHealth exports the health of the whole.
func (s *SDK) bindHealth() {
	whole := semconv.HealthCheck(health.Overall)
	s.overall = s.bindStates(&s.runtime, whole, s.health.Status, wholeStates)
	s.runtime.release(s.registry.Func(family(semconv.HealthScore), s.health.Score, whole))
	s.runtime.release(s.registry.Func(family(semconv.HealthReady), func() float64 { return oneIf(s.health.Ready()) }))
}

// checkAdded exports one registered check until it is removed or the SDK shut down.
func (s *SDK) checkAdded(r health.Registration) health.CheckObserver {
	observer := health.CheckObserver{
		Changed:  s.logHealth,
		Panicked: func(p any) { s.errors.panicked(&s.errors.panics.check, "could not run health check "+r.Name, p) },
	}
	if s.registry == nil {
		return observer
	}
	own := &bindings{}
	s.runtime.adopt(own, math.MaxInt)
	key := semconv.HealthCheck(r.Name)
	states := s.bindStates(own, key, r.Status, partStates)
	took, release := s.registry.Histogram(family(semconv.HealthCheckDuration), key)
	own.release(release)
	failures, release := s.registry.Counter(family(semconv.HealthCheckFailures), key)
	own.release(release)
	if p, ok := r.Check.(*health.Pipeline); ok {
		s.bindPipeline(own, key, p)
	}
	observer.Ran = func(d time.Duration, failed bool) {
		took.Observe(int64(d))
		if failed {
			failures.Add(1)
		}
	}
	observer.Changed = func(c health.Change) {
		states.count(c)
		s.logHealth(c)
	}
	observer.Removed = own.close
	return observer
}

// bindPipeline exports the score of a pipeline and where it is heading.
func (s *SDK) bindPipeline(own *bindings, key attribute.KeyValue, p *health.Pipeline) {
	own.release(s.registry.Func(family(semconv.HealthScore), p.Score, key))
	for _, window := range []struct {
		name string
		of   func(health.Trend) float64
	}{
		{"1m", func(t health.Trend) float64 { return t.OneMinute }},
		{"5m", func(t health.Trend) float64 { return t.FiveMinutes }},
		{"15m", func(t health.Trend) float64 { return t.FifteenMinutes }},
	} {
		at := semconv.TrendWindow(semconv.TrendWindowValue(window.name))
		own.release(s.registry.Func(family(semconv.HealthTrendThroughput), func() float64 { return window.of(p.Trends().Throughput) }, key, at))
		own.release(s.registry.Func(family(semconv.HealthTrendLatency), func() float64 { return window.of(p.Trends().Latency) }, key, at))
		own.release(s.registry.Func(family(semconv.HealthTrendScore), func() float64 { return window.of(p.Trends().Score) }, key, at))
	}
}

// transitions counts how often one check came to each state. Nil transitions count nothing.
type transitions [health.ShuttingDown + 1]*cells.Counter

func (t *transitions) count(c health.Change) {
	if t != nil {
		t[c.To].Add(1)
	}
}

// bindStates exports which of states one check is in and returns the count of its changes.
func (s *SDK) bindStates(own *bindings, key attribute.KeyValue, status func() health.Status, states []health.Status) *transitions {
	t := &transitions{}
	for _, state := range states {
		at := semconv.HealthState(semconv.HealthStateValue(state.String()))
		own.release(s.registry.Func(family(semconv.HealthStatus), func() float64 { return oneIf(status() == state) }, key, at))
		count, release := s.registry.Counter(family(semconv.HealthTransitions), key, at)
		own.release(release)
		t[state] = count
	}
	return t
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
