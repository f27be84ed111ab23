// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
)

// Reason says what became of a point that was to be folded.
type Reason uint8

const (
	// Folded is in the overflow series.
	Folded Reason = iota
	// Invalid has a value that would spoil the overflow series.
	Invalid
	// OverflowLimit means that there is no room for one more overflow series.
	OverflowLimit
	// Untracked means that there is no room to remember one more cumulative source.
	Untracked
	// Baseline is the first point of a cumulative source that may have a past: how far it
	// had come is remembered, and what it counted until then belongs to nobody.
	Baseline
	// CountOverflow means that counts would leave 64 bits.
	CountOverflow
	// OutOfOrder is older than what its cumulative source said already.
	OutOfOrder

	// Reasons is the number of reasons.
	Reasons = iota
)

var reasonNames = [Reasons]string{
	"", "invalid_value", "overflow_limit", "untracked", "baseline",
	"count_overflow", "out_of_order",
}

// String returns the reason as it is spelled in telemetry; Folded is empty.
func (r Reason) String() string { return reasonNames[r] }

// Batch is what one batch of metrics contributes. A Batch belongs to one goroutine.
//
// Whole values (deltas, gauges) are kept here until the batch was handed on, because a
// batch that fails comes again. What cumulative sources add goes to the total at once:
// when their batch comes again, they add nothing.
type Batch struct {
	ledger *Ledger
	now    pcommon.Timestamp
	sheet  sheet
}

// NewBatch returns an empty Batch for this ledger.
func (l *Ledger) NewBatch(now pcommon.Timestamp) *Batch {
	return &Batch{ledger: l, now: now}
}

// Add folds a point. Any reason but Folded adds nothing to the overflow series.
func (b *Batch) Add(t *Target, p *fold.Point, describe Describer) Reason {
	if t.Form.Check(p) != fold.Foldable {
		return Invalid
	}
	if t.Form.Sourced() {
		return b.ledger.add(t, p, describe, b.now)
	}
	e := b.sheet.find(t.Key)
	if e == nil {
		b.ledger.mu.Lock()
		stream, reason := b.ledger.open(t, describe, b.now)
		b.ledger.mu.Unlock()
		if reason != Folded {
			return reason
		}
		e = b.sheet.add(stream)
	}
	if t.Form.Add(&e.value, p) != fold.Foldable {
		return CountOverflow
	}
	return Folded
}

// sheet holds one value per stream, in the order in which the streams came. The zero
// sheet is empty.
type sheet struct {
	entries []entry
	index   map[uint64]int // stream.key -> position in entries
}

type entry struct {
	stream *stream
	value  fold.Value
}

func (s *sheet) find(key uint64) *entry {
	if n := len(s.entries); n > 0 && s.entries[n-1].stream.key == key {
		return &s.entries[n-1]
	}
	i, ok := s.index[key]
	if !ok {
		return nil
	}
	return &s.entries[i]
}

func (s *sheet) add(stream *stream) *entry {
	if s.index == nil {
		s.index = map[uint64]int{}
	}
	s.index[stream.key] = len(s.entries)
	s.entries = append(s.entries, entry{stream: stream})
	return &s.entries[len(s.entries)-1]
}

// addAll leaves other as it was. It returns the number of points that could not be added.
func (s *sheet) addAll(other *sheet) (lost int) {
	for i := range other.entries {
		from := &other.entries[i]
		to := s.find(from.stream.key)
		if to == nil {
			to = s.add(from.stream)
		}
		if from.stream.form.Merge(&to.value, &from.value) != fold.Foldable {
			lost += from.value.Points
		}
	}
	return lost
}

func (s *sheet) points() int {
	n := 0
	for i := range s.entries {
		n += s.entries[i].value.Points
	}
	return n
}
