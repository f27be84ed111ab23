// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
	"github.com/eventflux-io/eventflux-otel/sdk/internal/export"
)

// errorCounters is one error metric over a closed set of error.type values.
type errorCounters struct {
	registry *export.Registry
	family   *export.Family
	attrs    []attribute.KeyValue // of every series, without error.type
	own      *bindings

	mu     sync.RWMutex
	totals map[string]*cells.Counter
}

// bind says which metric the counters belong to, and declares "_OTHER".
func (e *errorCounters) bind(registry *export.Registry, f *export.Family, own *bindings, attrs ...attribute.KeyValue) {
	e.registry, e.family, e.own, e.attrs = registry, f, own, attrs
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
		attrs := append([]attribute.KeyValue{keyErrorType.String(t)}, e.attrs...)
		total, release := e.registry.Counter(e.family, attrs...)
		e.totals[t] = total
		e.own.release(release)
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
