// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// losses counts what was said and is not to be found: hidden, withheld or dropped. It is safe for concurrent use;
// the zero losses is ready.
type losses struct {
	redacted struct{ logs, traces, metrics atomic.Uint64 } // secrets that were replaced
	// suppressed are log records over the limit of their call site.
	suppressed atomic.Uint64
	// dropped are lines of the local log, by why.
	dropped struct{ full, failed, closed atomic.Uint64 }

	reporting atomic.Bool // a report about a full queue is under way
}

func (l *losses) hiddenInLogs(n int) { l.redacted.logs.Add(uint64(n)) }
func (l *losses) withheld()          { l.suppressed.Add(1) }

// metricAttribute redacts an attribute of a series.
func (l *losses) metricAttribute(kv attribute.KeyValue) attribute.KeyValue {
	kv, n := redact.KeyValue(kv)
	l.redacted.metrics.Add(uint64(n))
	return kv
}

// resourceAttributes redacts what all three signals carry.
func (l *losses) resourceAttributes(attrs []attribute.KeyValue) []attribute.KeyValue {
	attrs, n := redact.KeyValues(attrs)
	for _, counter := range []*atomic.Uint64{&l.redacted.logs, &l.redacted.traces, &l.redacted.metrics} {
		counter.Add(uint64(n))
	}
	return attrs
}

// eachRedacted reports how many secrets were replaced.
func (l *losses) eachRedacted(emit emitter) {
	emit(float64(l.redacted.metrics.Load()), semconv.Signal(semconv.SignalMetrics))
	emit(float64(l.redacted.traces.Load()), semconv.Signal(semconv.SignalTraces))
	emit(float64(l.redacted.logs.Load()), semconv.Signal(semconv.SignalLogs))
}
