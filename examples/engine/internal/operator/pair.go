// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"cmp"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/snapshot"
)

// ErrorPairLimit is the error.type of a row that stops waiting for a partner because too many others wait.
const ErrorPairLimit = "pair_limit"

// PairOptions say which rows of two streams, A and B, belong together.
type PairOptions struct {
	A, B   Input
	Within time.Duration // partners are no further apart in event time
	Slack  time.Duration // how far event time may be out of order within a stream
	Max    int           // rows of a stream that may wait; 0: 100 000 in a join, 10 000 in a pattern
	Out    *event.Schema // the columns of A, then those of B
}

// Input is one of the two streams.
type Input struct {
	Schema *event.Schema
	Key    string // the column that partners have in common; in a pattern both may be ""
}

// pairs is what join and pattern have in common: an Operator that is Durable, Stateful and Dropping.
type pairs struct {
	PatternOptions // of which a join uses the PairOptions
	base
	sides       [2]*waiting // of A and B
	late, bytes atomic.Int64
	matches     *telemetry.Cell
	rejected    *telemetry.Cell // of a pattern, as store
	store       *telemetry.UpDownCounter
}

func newPairs(kind string, o PatternOptions, limit int) (*pairs, error) {
	a, okA := o.A.Schema.Index(o.A.Key)
	b, okB := o.B.Schema.Index(o.B.Key)
	wrong := ""
	switch {
	case o.Within <= 0:
		wrong = "within must be more than 0"
	case kind == "join" && o.A.Schema.Stream == o.B.Schema.Stream:
		wrong = "the sides must be two streams; copy one by a query"
	case kind == "pattern" && o.A.Key+o.B.Key == "":
	case !okA || !okB || o.A.Schema.Columns[a].Type != o.B.Schema.Columns[b].Type:
		wrong = fmt.Sprintf("%q and %q must be columns of one type", o.A.Key, o.B.Key)
	}
	if wrong != "" {
		return nil, fmt.Errorf("could not make a %s of %q and %q: %s", kind, o.A.Schema.Stream, o.B.Schema.Stream, wrong)
	}
	o.Max = cmp.Or(o.Max, limit)
	return &pairs{PatternOptions: o, base: base{kind: kind}, sides: [2]*waiting{newWaiting(o.A.Schema, a), newWaiting(o.B.Schema, b)}}, nil
}

func (p *pairs) Late() int64                       { return p.late.Load() }
func (p *pairs) Bytes() int64                      { return p.bytes.Load() }
func (p *pairs) MarshalBinary() ([]byte, error)    { return snapshot.Encode(p.sides) }
func (p *pairs) UnmarshalBinary(data []byte) error { return snapshot.Decode(data, &p.sides) }

// expire lets rows from before horizon go.
func (p *pairs) expire(horizon int64) {
	for _, w := range p.sides {
		w.lost.Add(w.expire(horizon, math.MaxInt))
	}
}

// keep lets r wait, and the oldest row go if there are too many.
func (p *pairs) keep(b telemetry.Batch, w *waiting, r event.Row, met bool) {
	if w.push(r, met); w.Held > p.Max {
		b.Error(ErrorPairLimit, fmt.Errorf("%d rows of a stream wait in a %s: shorten its within or raise its limit", p.Max, p.kind))
		unmet := w.expire(math.MinInt64, p.Max)
		w.evicted.Add(unmet)
		p.rejected.Add(unmet)
	}
}

// put adds a pair to out, with the time of the later partner.
func put(out *event.Batch, a, b event.Row) {
	r := out.Append()
	r.SetTime(max(a.Time(), b.Time()))
	copy(r[1:], a[1:])
	copy(r[len(a):], b[1:])
}

// report counts matches and what is held now.
func (p *pairs) report(matches int) {
	total := int64(0)
	for _, w := range p.sides {
		w.size.Add(w.Held - w.told)
		w.told = w.Held
		total += w.bytes()
	}
	p.store.Add(int(total - p.bytes.Swap(total)))
	p.matches.Add(matches)
}

// discard lets every row go.
func (p *pairs) discard() {
	p.expire(math.MaxInt64)
	p.report(0)
}

// StreamJoin joins two streams, left and right. A row meets what the other side holds, in order of arrival, and is
// then held until the slower stream is past it.
type StreamJoin struct {
	*pairs
	arrived [2]*telemetry.Cell
	fanout  *telemetry.SizeHistogram
}

// NewStreamJoin returns an inner join.
func NewStreamJoin(o PairOptions) (*StreamJoin, error) {
	p, err := newPairs("join", PatternOptions{PairOptions: o}, 100_000)
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
