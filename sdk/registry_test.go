// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/export"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// What the SDK exports by hand is what the registry says.
func TestTheFixedMetricsAreThoseOfTheRegistry(t *testing.T) {
	known := map[string]semconv.Metric{}
	for m := range semconv.Metrics() {
		known[m.Name()] = m
	}
	kinds := map[semconv.Instrument]export.Kind{
		semconv.Counter: export.Counter, semconv.UpDownCounter: export.UpDown,
		semconv.Gauge: export.Gauge, semconv.Histogram: export.Histogram,
	}
	for _, f := range families() {
		m, ok := known[f.Name]
		if !assert.True(t, ok, "%s is not in the registry", f.Name) {
			continue
		}
		assert.Equal(t, m.Unit(), f.Unit, f.Name)
		assert.Equal(t, kinds[m.Instrument()], f.Kind, f.Name)
		assert.Equal(t, m.Bounds(), f.Bounds, f.Name)
	}
}
