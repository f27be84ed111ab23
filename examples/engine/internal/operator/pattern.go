// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"cmp"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/expr"
)

// PatternOptions say which rows are A and which are B. They may come from one stream.
type PatternOptions struct {
	PairOptions
	WhereA, WhereB *expr.Predicate // nil: all
}

// Pattern matches each A with the first B that arrives after it and is no earlier in event time. An A waits until the
// stream of B is past it. A row that is both ends matches first, then begins one.
type Pattern struct {
	*pairs
	created, transitions, failures *telemetry.Cell
	took                           *telemetry.LocalHistogram
}

// NewPattern returns the pattern A -> B.
func NewPattern(o PatternOptions) (*Pattern, error) {
	p, err := newPairs("pattern", o, 10_000)
	return &Pattern{pairs: p}, err
}

// Bind implements Operator.
func (p *Pattern) Bind(h Handles) {
	t, w, a := h.Query.Pattern(), h.Worker, p.sides[0]
	p.handles, p.failures = h, w.Cell(h.Operator.ExpressionErrors(ErrorExpression))
	p.matches, p.took = w.Cell(t.Matches(semconv.PatternTypePattern)), w.Histogram(t.MatchDuration())
	p.created, p.transitions = w.Cell(t.InstancesCreated()), w.Cell(t.StateTransitions())
	p.store, p.rejected = t.EventStoreSize(), w.Cell(t.EventStoreRejected())
	a.size, a.lost = t.InstancesActive(), w.Cell(t.InstancesExpired(semconv.PatternExpiryReasonWithin))
	a.evicted = w.Cell(t.InstancesExpired(semconv.PatternExpiryReasonMemoryLimit))
}

// Process implements Operator.
func (p *Pattern) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	defer b.Span(telemetry.StagePattern, semconv.PatternType(semconv.PatternTypePattern)).End()
	fromA, fromB := in.Schema.Stream == p.A.Schema.Stream, in.Schema.Stream == p.B.Schema.Stream
	out := event.NewBatch(p.Out, 0)
	for i := range in.Len() {
		r := in.Row(i)
		isA, errA := holds(fromA, p.WhereA, r)
		isB, errB := holds(fromB, p.WhereB, r)
		if err := cmp.Or(errA, errB); err != nil {
			p.failures.Inc()
			p.refuse(b, r, in.Schema, ErrorExpression, err)
			continue
		}
		if fromB {
			p.sides[1].Clock = max(p.sides[1].Clock, r.Time())
			p.expire(p.horizon())
		}
		if isB {
			p.end(r, out)
		}
		if isA {
			p.begin(b, r)
		}
	}
	p.report(out.Len())
	return out
}

func holds(mine bool, where *expr.Predicate, r event.Row) (bool, error) {
	if !mine || where == nil {
		return mine, nil
	}
	return where.Match(r)
}

// horizon is the time from which on an A may still find its B.
func (p *Pattern) horizon() int64 { return p.sides[1].Clock - int64(p.Slack+p.Within) }

func (p *Pattern) begin(b telemetry.Batch, r event.Row) {
	a := p.sides[0]
	p.created.Inc()
	p.transitions.Inc()
	p.keep(b, a, r, false)
}

func (p *Pattern) end(r event.Row, out *event.Batch) {
	a := p.sides[0]
	for _, n := range a.find(p.sides[1].key(r), r.Time()-int64(p.Within), r.Time()) {
		put(out, a.row(n), r)
		p.took.Observe(time.Duration(r.Time() - a.row(n).Time()))
		p.transitions.Inc()
		a.remove(n)
	}
}
