// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// flow counts what one signal sends. It is safe for concurrent use; the zero flow counts items only.
type flow struct {
	sent, failed atomic.Uint64 // items: data points, spans or records
	took         [2]*cells.Histogram
}

// The outcomes of an export, which index flow.took.
const (
	succeeded = iota
	failed
)

// done counts one export.
func (f *flow) done(items int, took time.Duration, ok bool) {
	total, outcome := &f.sent, succeeded
	if !ok {
		total, outcome = &f.failed, failed
	}
	total.Add(uint64(items))
	f.took[outcome].Observe(int64(took))
}

// flows are the three signals.
type flows struct{ metrics, traces, logs flow }

// each visits the signals by name.
func (f *flows) each(visit func(signal attribute.KeyValue, f *flow)) {
	visit(semconv.Signal(semconv.SignalMetrics), &f.metrics)
	visit(semconv.Signal(semconv.SignalTraces), &f.traces)
	visit(semconv.Signal(semconv.SignalLogs), &f.logs)
}

// panics counts what the SDK survived, by where. It is safe for concurrent use.
type panics struct{ callback, exporter, check, span atomic.Uint64 }

// each reports the counts.
func (p *panics) each(emit func(float64, ...attribute.KeyValue)) {
	emit(float64(p.callback.Load()), semconv.PanicSite(semconv.PanicSiteCallback))
	emit(float64(p.exporter.Load()), semconv.PanicSite(semconv.PanicSiteExporter))
	emit(float64(p.check.Load()), semconv.PanicSite(semconv.PanicSiteHealthCheck))
	emit(float64(p.span.Load()), semconv.PanicSite(semconv.PanicSiteSpan))
}
