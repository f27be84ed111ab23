// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/aggregate"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/snapshot"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
)

// ErrorGroupLimit is the error.type of an event that a window has no room for: it would begin one group too many.
const ErrorGroupLimit = "group_limit"

// maxGroups bounds the groups of one window.
const maxGroups = 1 << 16

// Selection says what a window makes of its events. Out is what OutSchema says,
// and a column per aggregate.
type Selection struct {
	GroupBy    []int // columns of the input, four at most
	Aggregates []aggregate.Spec
	Out        *event.Schema
}

// OutSchema is the schema of results, to which the aggregates are to be appended: with panes the columns of groupBy,
// window_start and window_end, else all columns of in.
func OutSchema(stream string, in *event.Schema, groupBy []int, panes bool) (*event.Schema, error) {
	if most := len(aggregate.Key{}); len(groupBy) > most {
		return nil, fmt.Errorf("could not group by %d columns: %d are possible", len(groupBy), most)
	}
	if !panes {
		return &event.Schema{Stream: stream, Columns: slices.Clone(in.Columns)}, nil
	}
	out := &event.Schema{Stream: stream}
	for _, c := range groupBy {
		out.Columns = append(out.Columns, in.Columns[c])
	}
	out.Columns = append(out.Columns, event.Column{Name: "window_start", Type: event.Time}, event.Column{Name: "window_end", Type: event.Time})
	return out, nil
}

// selector is what windows of panes and of rows have in common.
type selector struct {
	Selection
	meter
	base
	typ, shape  string // the value of window.type; the same with the size
	size        time.Duration
	in          *event.Schema
	keys        *aggregate.Keys
	groups      *aggregate.Groups
	full        error // why events are refused
	bytes, late atomic.Int64
}

func (s *selector) init(typ, shape string, size time.Duration, in *event.Schema, sel Selection) {
	s.oldest.Store(math.MaxInt64)
	s.Selection, s.kind, s.typ, s.shape, s.size, s.in = sel, "window", typ, typ+" of "+shape, size, in
	s.keys, s.groups = aggregate.NewKeys(in, sel.GroupBy, maxGroups), aggregate.NewGroups(sel.Aggregates)
	s.full = fmt.Errorf("could not take an event of %s: its %s window has %d groups or %d distinct values, which is all it "+
		"may have: group by columns of fewer values", in.Stream, typ, maxGroups, aggregate.MaxDistinct)
}

func (s *selector) WindowType() string      { return s.typ }
func (s *selector) Duration() time.Duration { return s.size }
func (s *selector) Bytes() int64            { return s.bytes.Load() }

// Late is the number of late events that were dropped. Any goroutine may call it.
func (s *selector) Late() int64 { return s.late.Load() }

// Bind implements Operator.
func (s *selector) Bind(h Handles) {
	s.handles = h
	s.bind(h)
	if s.typ == "session" {
		s.sessions.bind(h.Window.SessionsActive())
	}
	if slices.ContainsFunc(s.Aggregates, func(a aggregate.Spec) bool { return a.Func == aggregate.Distinct }) {
		s.distinct.bind(h.Operator.AggregatorDistinctValues())
	}
}

// group returns the number of a row's group; ok is false when there is no room for the row.
func (s *selector) group(r event.Row) (n int32, ok bool) {
	n, ok = s.keys.Number(r)
	return n, ok && s.groups.Distinct < aggregate.MaxDistinct
}

func (s *selector) overflow(b telemetry.Batch, r event.Row) {
	s.refused.Inc()
	s.refuse(b, r, s.in, ErrorGroupLimit, s.full)
}

// show lets others see what is held.
func (s *selector) show(sessions int, oldest, bytes int64) {
	s.sessions.set(sessions)
	s.oldest.Store(oldest)
	s.active.set(len(s.keys.Keys))
	s.distinct.set(s.groups.Distinct)
	s.bytes.Store(bytes + s.keys.Bytes() + s.groups.Bytes())
}

// windowState is the state of a window: Panes or Lanes.
type windowState struct {
	Shape      string
	GroupBy    []int
	Aggregates []aggregate.Spec
	Retained   int
	Keys       *aggregate.Keys
	Groups     *aggregate.Groups
	Panes      window.State
	Lanes      window.LaneState
}

func (s *selector) save(panes window.State, lanes window.LaneState) ([]byte, error) {
	return snapshot.Encode(windowState{s.shape, s.GroupBy, s.Aggregates, s.retained.is, s.keys, s.groups, panes, lanes})
}

func (s *selector) load(data []byte) (windowState, error) {
	state := windowState{Keys: s.keys, Groups: s.groups}
	err := snapshot.Decode(data, &state)
	if err == nil && state.Shape != s.shape && state.Shape != "" { // older versions did not save it
		err = fmt.Errorf("it was %s and is %s: set it back, or start with an empty state directory", state.Shape, s.shape)
	}
	if err == nil && (!slices.Equal(state.GroupBy, s.GroupBy) || !slices.Equal(state.Aggregates, s.Aggregates)) {
		err = fmt.Errorf("the snapshot is of groups by %v and aggregates %v", state.GroupBy, state.Aggregates)
	}
	if err != nil {
		return state, fmt.Errorf("could not restore a %s window: %w", s.typ, err)
	}
	s.retained.set(state.Retained)
	return state, nil
}
