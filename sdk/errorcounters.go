// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"
	"sync"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// otherError counts error types that nobody declared, which keeps the set of series closed.
const otherError = "_OTHER"

// errorCounters is one error metric over a closed set of error.type values.
type errorCounters struct {
	of     *handle
	metric semconv.Metric

	mu     sync.RWMutex
	totals map[string]*cells.Counter
}

// bind says which metric of which handle the counters belong to, and declares "_OTHER".
func (e *errorCounters) bind(of *handle, m semconv.Metric) {
	e.of, e.metric = of, m
	e.declare(otherError)
}

// declare binds the series of types, each from zero.
func (e *errorCounters) declare(types ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.totals == nil {
		e.totals = make(map[string]*cells.Counter)
	}
	for _, t := range types {
		if _, ok := e.totals[t]; ok || t == "" {
			continue
		}
		e.totals[t] = e.of.total(e.metric, append(slices.Clip(e.of.attrs), semconv.ErrorType(t)))
	}
}

// count adds one error of the given type, or of "_OTHER" if nobody declared it.
func (e *errorCounters) count(errorType string) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	total, ok := e.totals[errorType]
	if !ok {
		total = e.totals[otherError]
	}
	total.Add(1)
}
