// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"time"

	"google.golang.org/grpc/status"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
)

const protocol = "grpc"

// Meter is what one end of a link reports. Messages are few next to events, so
// these are shared counters. Without an app they count nothing.
type Meter struct {
	app       *telemetry.App
	links     *counts
	transport *telemetry.Transport

	succeeded, failed   *telemetry.Histogram
	bytes               *telemetry.Counter
	injected, extracted *telemetry.Counter
}

// NewMeter binds the metrics of an end that speaks in direction d; app may be nil.
func NewMeter(app *telemetry.App, d semconv.DirectionValue) *Meter {
	t := app.Transport(protocol)
	m := &Meter{
		app: app, transport: t, links: &counts{Connections: connections(app)},
		bytes: t.IO(d), injected: t.ContextInjected(), extracted: t.ContextExtracted(semconv.ResultSuccess),
	}
	if d == semconv.DirectionOut {
		m.succeeded, m.failed = t.SendDuration(semconv.ResultSuccess), t.SendDuration(semconv.ResultFailure)
	}
	for _, kind := range []semconv.MessageTypeValue{semconv.MessageTypeEvent, semconv.MessageTypeControl} {
		t.Messages(d, kind) // from zero
	}
	return m
}

// connected is 1 while a connection is open, else 0.
func (m *Meter) connected() float64 { return float64(min(m.links.open.Load(), 1)) }

// kindOf is the kind of a message: what brings no events is about the stream.
func kindOf(m *linkpb.Message) semconv.MessageTypeValue {
	if m.GetEndOfInput() {
		return semconv.MessageTypeControl
	}
	return semconv.MessageTypeEvent
}

// sending counts an attempt.
func (m *Meter) sending(kind semconv.MessageTypeValue, traced bool) {
	m.transport.Messages(semconv.DirectionOut, kind).Inc()
	if traced {
		m.injected.Inc()
	}
}

// sent counts how an attempt ended.
func (m *Meter) sent(bytes int, took time.Duration, err error) {
	if err != nil {
		m.failed.Observe(took)
		m.transport.Errors(semconv.DirectionOut, status.Code(err).String()).Inc()
		return
	}
	m.bytes.Add(bytes)
	m.succeeded.Observe(took)
}

// received counts a message that came in.
func (m *Meter) received(kind semconv.MessageTypeValue, bytes int, traced bool) {
	m.transport.Messages(semconv.DirectionIn, kind).Inc()
	m.bytes.Add(bytes)
	if traced {
		m.extracted.Inc()
	}
}

// refused counts a message that could not be taken.
func (m *Meter) refused(err error) {
	m.transport.Errors(semconv.DirectionIn, status.Code(err).String()).Inc()
}
