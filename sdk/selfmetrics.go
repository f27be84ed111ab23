// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// bindSelf exports what the SDK knows about itself: what it holds, what it sent and what it lost.
func (s *SDK) bindSelf() {
	s.each(semconv.TelemetrySeriesActive, func(emit func(float64, ...attribute.KeyValue)) {
		for _, u := range s.registry.Usage() {
			emit(float64(u.Active), semconv.MetricName(u.Family.Name))
		}
	})
	s.each(semconv.TelemetrySeriesOverflowed, func(emit func(float64, ...attribute.KeyValue)) {
		for _, u := range s.registry.Usage() {
			emit(float64(u.Overflowed), semconv.MetricName(u.Family.Name))
		}
	})
	s.each(semconv.TelemetryCustomDropped, s.custom.dropped.each)
}

// each computes a whole metric at every collection.
func (s *SDK) each(m semconv.Metric, compute func(emit func(float64, ...attribute.KeyValue))) {
	if s.measures(m) {
		s.runtime.release(s.registry.Each(family(m), compute))
	}
}
