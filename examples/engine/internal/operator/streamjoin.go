// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// StreamJoin joins two streams, left and right. A row meets what the other side holds, in order of arrival, and is
// then held until the slower stream is past it.
type StreamJoin struct {
	*pairs

	arrived [2]*telemetry.Cell
	fanout  *telemetry.SizeHistogram
}

// NewStreamJoin returns an inner join.
func NewStreamJoin(o PairOptions) (*StreamJoin, error) {
	p, err := newPairs("join", o, 100_000)
	return &StreamJoin{pairs: p}, err
}

// Bind implements Operator.
func (j *StreamJoin) Bind(h Handles) {
	t := h.Query.Join()
	j.matches, j.fanout = h.Worker.Cell(t.Matches(semconv.JoinTypeInner)), t.Fanout()
	for i, name := range []semconv.JoinSideValue{semconv.JoinSideLeft, semconv.JoinSideRight} {
		w, lost := j.sides[i], h.Worker.Cell(t.Misses(name))
		j.arrived[i], w.size, w.lost, w.evicted = h.Worker.Cell(t.Events(name)), t.BufferSize(name), lost, lost
	}
}

// Process implements Operator.
func (j *StreamJoin) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	defer b.Span(telemetry.StageJoin, semconv.JoinType(semconv.JoinTypeInner)).End()
	out, mine := event.NewBatch(j.Out, in.Len()), 0
	if in.Schema.Stream == j.B.Schema.Stream {
		mine = 1
	}
	for i := range in.Len() {
		j.take(b, mine, in.Row(i), out)
	}
	j.arrived[mine].Add(in.Len())
	j.report(out.Len())
	return out
}

func (j *StreamJoin) take(b telemetry.Batch, mine int, r event.Row, out *event.Batch) {
	w, other, t, before := j.sides[mine], j.sides[1-mine], r.Time(), out.Len()
	w.Clock = max(w.Clock, t)
	horizon := min(w.Clock, other.Clock) - int64(j.Slack+j.Within)
	j.expire(horizon)
	if t < horizon { // some of its partners have left
		b.Error(ErrorLateEvent, nil)
		j.late.Add(1)
		return
	}
	for _, n := range other.find(w.key(r), t-int64(j.Within), t+int64(j.Within)) {
		pair := [2]event.Row{r, r}
		pair[1-mine] = other.row(n)
		put(out, pair[0], pair[1])
		other.slot(n).Met = true
	}
	j.fanout.Observe(out.Len() - before)
	j.keep(b, w, r, out.Len() > before)
}
