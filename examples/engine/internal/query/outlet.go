// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

// outlet is a sink with its counts. Sends are few next to events, so these are
// shared counters.
type outlet struct {
	sink.Sink

	delivered func(events int) // counts what the sink took, as a subscriber

	events, bytes, failures, retries, unmapped *telemetry.Counter
	sent, failed, mapping                      *telemetry.Histogram
	flying                                     *telemetry.UpDownCounter
	size                                       *telemetry.SizeHistogram
	connected                                  *telemetry.Gauge
	whole                                      *telemetry.Histogram // from the source to the sink
}

// mappers are the formats that rows get, by type of sink.
var mappers = map[string]string{"file": "json", "http": "json", "log": "log", "grpc": "wire", "tcp": "wire"}

func newOutlet(app *telemetry.App, from *junction.Junction, s sink.Sink) *outlet {
	h, mapper := app.Sink(from.Name(), s.Type()), mappers[s.Type()]
	return &outlet{
		Sink: s, delivered: from.Attach(),
		events: h.EventsSent(), bytes: h.IO(), failures: h.Errors(ErrorSinkSend), retries: h.Retries(),
		sent: h.SendDuration(semconv.ResultSuccess), failed: h.SendDuration(semconv.ResultFailure),
		size: h.BatchSize(), connected: h.Connected(), whole: h.EndToEndLatency(),
		unmapped: h.MappingErrors(mapper), mapping: h.MappingDuration(mapper), flying: h.InFlight(),
	}
}

// took counts a batch that was delivered.
func (o *outlet) took(events int) {
	o.delivered(events)
	o.events.Add(events)
	o.size.Observe(events)
}

// formatted counts a batch that was encoded, or could not be.
func (o *outlet) formatted(took time.Duration, err error) {
	o.mapping.Observe(took)
	if err != nil {
		o.unmapped.Inc()
	}
}

// send is one attempt.
func (o *outlet) send(ctx context.Context) error {
	start := time.Now()
	o.flying.Add(1)
	defer o.flying.Add(-1)
	n, err := o.Send(ctx)
	o.bytes.Add(n)
	if err != nil {
		o.failed.Observe(time.Since(start))
		return err
	}
	o.sent.Observe(time.Since(start))
	o.connected.Set(1)
	return nil
}

// refused counts an attempt that failed.
func (o *outlet) refused() {
	o.failures.Inc()
	o.connected.Set(0)
}

// sendError is an attempt to deliver that failed, under the error.type that the
// metrics have for it.
type sendError struct{ error }

// ErrorType names it for spans.
func (sendError) ErrorType() string { return ErrorSinkSend }

// Unwrap returns what the sink said.
func (e sendError) Unwrap() error { return e.error }
