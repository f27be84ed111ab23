// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Rate counts events, adds up one column and averages another in windows that a
// timer closes.
type Rate struct {
	every  time.Duration
	in     struct{ amount, value int }
	out    *event.Schema
	meter  meter
	delays *telemetry.Histogram

	events, amount int64
	values         float64
}

// NewRate adds up column amount and averages column value of in. out has the
// columns trades, volume, avg_price and per_second, in this order. every is the
// timer's period.
func NewRate(every time.Duration, in *event.Schema, amount, value string, out *event.Schema) *Rate {
	t := &Rate{every: every, out: out}
	t.in.amount, t.in.value = in.MustIndex(amount), in.MustIndex(value)
	return t
}

// Kind implements Operator.
func (t *Rate) Kind() string { return "window" }

// Bind implements Operator.
func (t *Rate) Bind(h Handles) { t.meter, t.delays = newMeter(h), h.Window.TriggerDelay() }

// Process implements Operator. It never returns rows: only the timer does.
func (t *Rate) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	span := b.Span(telemetry.StageWindow)
	leaf := span.Span(telemetry.StageAccumulate)
	t.events += int64(in.Len())
	leaf.End()
	span.End()

	span = b.Span(telemetry.StageAggregation)
	leaf = span.Span(telemetry.StageStateUpdate)
	for i := range in.Len() {
		r := in.Row(i)
		t.amount += r.Int(t.in.amount)
		t.values += r.Float(t.in.value)
	}
	leaf.End()
	span.End()
	t.meter.moved(in.Len(), 0)
	return nil
}

// Close implements Windowed.
func (t *Rate) Close(b telemetry.Batch, now time.Time) *event.Batch {
	if !t.Holds() {
		return nil
	}
	start, n := time.Now(), count(int(t.events))
	t.delays.Observe(start.Sub(now))
	span := b.Span(telemetry.StageWindow, n)
	span.Span(telemetry.StageTrigger, n).End()
	span.End()

	span = b.Span(telemetry.StageAggregation, n)
	leaf := span.Span(telemetry.StageCompute)
	out := event.NewBatch(t.out, 1)
	r := out.Append()
	r.SetTime(now.UnixNano())
	r.SetInt(0, t.events)
	r.SetInt(1, t.amount)
	r.SetFloat(2, t.values/float64(t.events))
	r.SetFloat(3, float64(t.events)/t.every.Seconds())
	leaf.End()
	span.End()
	t.meter.moved(0, int(t.events))
	t.meter.triggered(1, 1, start)
	t.events, t.amount, t.values = 0, 0, 0
	return out
}

// WindowType implements Windowed.
func (t *Rate) WindowType() string { return "timeBatch" }

// Duration implements Windowed.
func (t *Rate) Duration() time.Duration { return t.every }

// Holds implements Windowed.
func (t *Rate) Holds() bool { return t.events > 0 }

// Bytes implements Stateful. Three numbers are held, whatever passes.
func (t *Rate) Bytes() int64 { return 24 }
