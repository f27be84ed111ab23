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
	base
	predicate *expr.Predicate
	out       *event.Schema
	dropped   *telemetry.Cell
	failed    *telemetry.Counter
}

// NewFilter returns a filter whose output has the columns of its input.
func NewFilter(p *expr.Predicate, out *event.Schema) *Filter {
	return &Filter{base: base{kind: "filter"}, predicate: p, out: out}
}

// Bind implements Operator.
func (f *Filter) Bind(h Handles) {
	f.dropped = h.Worker.Cell(h.Operator.FilterEventsDropped())
	f.failed, f.handles = h.Operator.ExpressionErrors(ErrorExpression), h
}

// Process implements Operator.
func (f *Filter) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	span := b.Span(telemetry.StageFilter)
	leaf := span.Span(telemetry.StageExpression)
	out, failures := f.sift(b, in, f.out, ErrorExpression, func(i int) (bool, error) { return f.predicate.Match(in.Row(i)) })
	leaf.End()
	span.End()
	f.failed.Add(failures)
	f.dropped.Add(in.Len() - out.Len() - failures)
	return out
}

// ErrorInjected is the error.type of rows that fail on purpose.
const ErrorInjected = "injected"

// Faulty fails rows on purpose, so that it can be seen what comes of it.
type Faulty struct {
	base
	fail func() error
}

// NewFaulty fails each row for which fail returns an error.
func NewFaulty(fail func() error) *Faulty { return &Faulty{base{kind: "fault"}, fail} }

// Process implements Operator.
func (f *Faulty) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	out, _ := f.sift(b, in, in.Schema, ErrorInjected, func(int) (bool, error) { return true, f.fail() })
	return out
}
