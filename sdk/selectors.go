// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// An exporter of metrics is also asked how it wants them, at Start and whenever somebody makes an instrument. If it
// panics there, it gets what OpenTelemetry gives by default.

// Temporality implements sdkmetric.Exporter.
func (g metricGuard) Temporality(k sdkmetric.InstrumentKind) (t metricdata.Temporality) {
	t = sdkmetric.DefaultTemporalitySelector(k)
	g.errors.guarded("ask the metric exporter for its temporality", func() error {
		t = g.Exporter.Temporality(k)
		return nil
	})
	return t
}

// Aggregation implements sdkmetric.Exporter.
func (g metricGuard) Aggregation(k sdkmetric.InstrumentKind) (a sdkmetric.Aggregation) {
	a = sdkmetric.DefaultAggregationSelector(k)
	g.errors.guarded("ask the metric exporter for its aggregation", func() error {
		a = g.Exporter.Aggregation(k)
		return nil
	})
	return a
}
