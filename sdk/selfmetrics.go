// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// emitter takes the points of one metric.
type emitter = func(value float64, attrs ...attribute.KeyValue)

// bindSelf exports what the SDK knows about itself: what it holds, what it sent and what it lost.
func (s *SDK) bindSelf() {
	s.each(semconv.TelemetrySeriesActive, func(emit emitter) {
		for _, u := range s.registry.Usage() {
			emit(float64(u.Active), semconv.MetricName(u.Family.Name))
		}
	})
	s.each(semconv.TelemetrySeriesOverflowed, func(emit emitter) {
		for _, u := range s.registry.Usage() {
			emit(float64(u.Overflowed), semconv.MetricName(u.Family.Name))
		}
	})
	s.each(semconv.TelemetrySamplingDecisions, func(emit emitter) {
		for d := range decisionKinds {
			emit(float64(s.decisions[d].Load()), semconv.SamplingDecision(semconv.SamplingDecisionValue(d.String())))
		}
	})
	s.each(semconv.TelemetryCustomDropped, s.custom.dropped.each)
	s.each(semconv.TelemetryPanicsRecovered, s.errors.panics.each)
	s.each(semconv.TelemetryValuesRedacted, s.losses.eachRedacted)
	s.each(semconv.TelemetryLogsSuppressed, func(emit emitter) { emit(float64(s.losses.suppressed.Load())) })
	s.bindExport()
}

// bindExport exports how the export fares.
func (s *SDK) bindExport() {
	s.providers.flows.each(func(signal attribute.KeyValue, f *flow) {
		for outcome, result := range []semconv.ResultValue{succeeded: semconv.ResultSuccess, failed: semconv.ResultFailure} {
			took, release := s.registry.Histogram(family(semconv.TelemetryExportDuration), signal, semconv.Result(result))
			f.took[outcome] = took
			s.runtime.release(release)
		}
	})
	s.each(semconv.TelemetryItemsExported, func(emit emitter) {
		s.providers.flows.each(func(signal attribute.KeyValue, f *flow) {
			emit(float64(f.sent.Load()), signal, semconv.Result(semconv.ResultSuccess))
			emit(float64(f.failed.Load()), signal, semconv.Result(semconv.ResultFailure))
		})
	})
	s.each(semconv.TelemetryItemsDropped, s.eachDropped)
	traces, logs := semconv.Signal(semconv.SignalTraces), semconv.Signal(semconv.SignalLogs)
	s.each(semconv.TelemetryQueueSize, func(emit emitter) {
		emit(float64(s.providers.spans.queue.Len()), traces)
		emit(float64(s.providers.records.queue.Len()), logs)
	})
	s.each(semconv.TelemetryQueueCapacity, func(emit emitter) {
		emit(float64(s.providers.spans.queue.Cap()), traces)
		emit(float64(s.providers.records.queue.Cap()), logs)
	})
}

// eachDropped reports what never left. An export of metrics that fails loses nothing: the next one carries the same
// totals.
func (s *SDK) eachDropped(emit emitter) {
	traces, logs, local := semconv.Signal(semconv.SignalTraces), semconv.Signal(semconv.SignalLogs), semconv.Signal(semconv.SignalLocalLog)
	full, lost := semconv.DropReason(semconv.DropReasonQueueFull), semconv.DropReason(semconv.DropReasonExportFailed)
	emit(float64(s.providers.spans.queue.Dropped()), traces, full)
	emit(float64(s.providers.flows.traces.failed.Load()), traces, lost)
	emit(float64(s.providers.records.queue.Dropped()), logs, full)
	emit(float64(s.providers.flows.logs.failed.Load()), logs, lost)
	emit(float64(s.losses.dropped.full.Load()), local, full)
	emit(float64(s.losses.dropped.failed.Load()), local, lost)
	emit(float64(s.losses.dropped.closed.Load()), local, semconv.DropReason(semconv.DropReasonShutdown))
}

// each computes a whole metric at every collection.
func (s *SDK) each(m semconv.Metric, compute func(emit emitter)) {
	if s.measures(m) {
		s.runtime.release(s.registry.Each(family(m), compute))
	}
}
