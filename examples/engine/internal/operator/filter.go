// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/expr"
)

// Filter passes the rows for which an expression holds.
type Filter struct {
	predicate *expr.Predicate
	out       *event.Schema
	dropped   *telemetry.Cell
	failed    *telemetry.Counter
	handles   Handles
	in        *event.Schema // of the batch at hand
	failures  int           // rows of the batch at hand that could not be evaluated
}

// NewFilter returns a filter whose output has the columns of its input.
func NewFilter(p *expr.Predicate, out *event.Schema) *Filter { return &Filter{predicate: p, out: out} }

// Kind implements Operator.
func (f *Filter) Kind() string { return "filter" }

// Bind implements Operator.
func (f *Filter) Bind(h Handles) {
	f.dropped = h.Worker.Cell(h.Operator.FilterEventsDropped())
	f.failed, f.handles = h.Operator.ExpressionErrors(ErrorExpression), h
}

// Process implements Operator.
func (f *Filter) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	span := b.Span(telemetry.StageFilter)
	leaf := span.Span(telemetry.StageExpression)
	f.failures, f.in = 0, in.Schema
	out := f.pass(b, in)
	leaf.End()
	span.End()
	f.dropped.Add(in.Len() - out.Len() - f.failures)
	return out
}

// pass copies nothing as long as every row matches.
func (f *Filter) pass(b telemetry.Batch, in *event.Batch) *event.Batch {
	n := in.Len()
	for i := range n {
		if !f.match(b, in.Row(i)) {
			return f.copyFrom(b, in, i)
		}
	}
	return in.As(f.out)
}

// copyFrom handles a batch whose first dropped row is number dropped.
func (f *Filter) copyFrom(b telemetry.Batch, in *event.Batch, dropped int) *event.Batch {
	out := event.NewBatch(f.out, in.Len()-1)
	for i := range dropped {
		out.AppendRow(in.Row(i))
	}
	for i := dropped + 1; i < in.Len(); i++ {
		if r := in.Row(i); f.match(b, r) {
			out.AppendRow(r)
		}
	}
	return out
}

func (f *Filter) match(b telemetry.Batch, r event.Row) bool {
	ok, err := f.predicate.Match(r)
	if err != nil {
		f.failed.Inc()
		f.failures++
		f.handles.refuse(b, r, f.in, ErrorExpression, err)
	}
	return ok
}
