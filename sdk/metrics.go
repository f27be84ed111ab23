// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/export"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// families are the metrics of the conventions as the registry of series knows them.
var families = sync.OnceValue(func() *[semconv.MetricCount]export.Family {
	kinds := map[semconv.Instrument]export.Kind{
		semconv.Counter: export.Counter, semconv.UpDownCounter: export.UpDown,
		semconv.Gauge: export.Gauge, semconv.Histogram: export.Histogram,
	}
	var all [semconv.MetricCount]export.Family
	for m := range semconv.Metric(semconv.MetricCount) {
		f := export.Family{Name: m.Name(), Description: m.Description(), Unit: m.Unit(), Kind: kinds[m.Instrument()], Bounds: m.Bounds()}
		if f.Unit == "s" && (f.Kind == export.Counter || f.Kind == export.Histogram) {
			f.PerUnit = 1e9 // cells hold nanoseconds
		}
		all[m] = f
	}
	return &all
})

// family returns the one family of m.
func family(m semconv.Metric) *export.Family {
	return &families()[m]
}

// measures reports whether the SDK exports m.
func (s *SDK) measures(m semconv.Metric) bool {
	return s.registry != nil && (s.level == Detail || m.Level() == semconv.LevelBasic)
}
