// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"bytes"
	"cmp"
	"encoding/gob"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
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

// pairs is what join and pattern have in common.
type pairs struct {
	PairOptions

	kind        string
	sides       [2]*waiting // of A and B
	late, bytes atomic.Int64
	matches     *telemetry.Cell
	rejected    *telemetry.Cell // evicted events of a pattern
	store       *telemetry.UpDownCounter
}

func newPairs(kind string, o PairOptions, limit int) (*pairs, error) {
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
	return &pairs{PairOptions: o, kind: kind, sides: [2]*waiting{newWaiting(o.A.Schema, a), newWaiting(o.B.Schema, b)}}, nil
}

func (p *pairs) Kind() string { return p.kind }
func (p *pairs) Late() int64  { return p.late.Load() }
func (p *pairs) Bytes() int64 { return p.bytes.Load() }

func (p *pairs) MarshalBinary() ([]byte, error)    { return toGob(p.sides) }
func (p *pairs) UnmarshalBinary(data []byte) error { return fromGob(data, &p.sides) }

// expire lets rows from before horizon go.
func (p *pairs) expire(horizon int64) {
	for _, w := range p.sides {
		w.lost.Add(w.expire(horizon, math.MaxInt))
	}
}

// keep lets r wait, and the oldest row go if there are too many.
func (p *pairs) keep(b telemetry.Batch, w *waiting, r event.Row, met bool) {
	if w.push(r, met); w.Held > p.Max {
		b.Error(ErrorPairLimit, fmt.Errorf("%d rows of a stream wait in the %s: shorten its within or raise its limit", p.Max, p.kind))
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

func toGob(v any) ([]byte, error) {
	var out bytes.Buffer
	err := gob.NewEncoder(&out).Encode(v)
	return out.Bytes(), err
}

func fromGob(data []byte, v any) error { return gob.NewDecoder(bytes.NewReader(data)).Decode(v) }

// refuse reports a row that an operator could not handle.
func (h *Handles) refuse(b telemetry.Batch, r event.Row, s *event.Schema, errorType string, err error) {
	b.Error(errorType, err)
	if h.Failed != nil {
		h.Failed(b, r, s, errorType, err)
	}
}
