// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/expr"
)

// Project computes the columns of a select.
type Project struct {
	base
	values []*expr.Value
	out    *event.Schema

	failed *telemetry.Counter
	took   *telemetry.LocalHistogram
}

// NewProject gives one column of out per value. Without values rows pass as they
// are, under the schema out.
func NewProject(values []*expr.Value, out *event.Schema) *Project {
	return &Project{base: base{kind: "selector"}, values: values, out: out}
}

// Bind implements Operator.
func (p *Project) Bind(h Handles) {
	p.failed, p.handles = h.Operator.ExpressionErrors(ErrorExpression), h
	p.took = h.Worker.Histogram(h.Operator.SelectorDuration())
}

// Process implements Operator. A row that cannot be computed leaves the stream.
func (p *Project) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	if len(p.values) == 0 {
		return in.As(p.out)
	}
	start := time.Now()
	out := event.NewBatch(p.out, in.Len())
	for i := range in.Len() {
		r, o := in.Row(i), out.Append()
		o.SetTime(r.Time())
		if err := p.compute(r, o); err != nil {
			out.Truncate(out.Len() - 1)
			p.failed.Inc()
			p.refuse(b, r, in.Schema, ErrorExpression, err)
		}
	}
	p.took.Observe(time.Since(start))
	return out
}

func (p *Project) compute(in, out event.Row) error {
	for c, v := range p.values {
		if err := v.Set(in, out, c); err != nil {
			return err
		}
	}
	return nil
}
