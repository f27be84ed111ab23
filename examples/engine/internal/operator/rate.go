// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Rate counts events and adds up one column in windows that a timer closes.
type Rate struct {
	every  time.Duration
	amount int
	out    *event.Schema

	events, sum int64
}

// NewRate adds up column amount of in. out has the columns trades, volume and
// per_second, in this order. every is the timer's period.
func NewRate(every time.Duration, in *event.Schema, amount string, out *event.Schema) *Rate {
	return &Rate{every: every, amount: in.MustIndex(amount), out: out}
}

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
		t.sum += in.Row(i).Int(t.amount)
	}
	leaf.End()
	span.End()
	return nil
}

// Close implements Windowed.
func (t *Rate) Close(b telemetry.Batch, now time.Time) *event.Batch {
	if !t.Holds() {
		return nil
	}
	n := count(int(t.events))
	span := b.Span(telemetry.StageWindow, n)
	span.Span(telemetry.StageTrigger, n).End()
	span.End()

	span = b.Span(telemetry.StageAggregation, n)
	leaf := span.Span(telemetry.StageCompute)
	out := event.NewBatch(t.out, 1)
	r := out.Append()
	r.SetTime(now.UnixNano())
	r.SetInt(0, t.events)
	r.SetInt(1, t.sum)
	r.SetFloat(2, float64(t.events)/t.every.Seconds())
	t.events, t.sum = 0, 0
	leaf.End()
	span.End()
	return out
}

// WindowType implements Windowed.
func (t *Rate) WindowType() string { return "timeBatch" }

// Holds implements Windowed.
func (t *Rate) Holds() bool { return t.events > 0 }

// Bytes implements Windowed. Two numbers are held, whatever passes.
func (t *Rate) Bytes() int64 { return 16 }
