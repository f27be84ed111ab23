// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Stream is the overflow series of one metric.
type Stream struct {
	// Key tells streams apart.
	Key uint64
	// Name, Description and Unit are those of the metric.
	Name, Description, Unit string
	// Form is how its points fold.
	Form Form
}

// Batch is what one batch of metrics contributes to the overflow streams of a Ledger.
// A Batch belongs to one goroutine.
type Batch struct {
	ledger *Ledger
	now    pcommon.Timestamp
	sheet  sheet
}

// NewBatch returns an empty Batch for this ledger.
func (l *Ledger) NewBatch(now pcommon.Timestamp) *Batch {
	return &Batch{ledger: l, now: now}
}

// Add folds a point into a stream. Any reason but Foldable leaves the batch as it was.
func (b *Batch) Add(s Stream, p pmetric.NumberDataPoint) Reason {
	if r := s.Form.check(p); r != Foldable {
		return r
	}
	number, known := b.sheet.number(s.Key)
	if !known {
		if number, known = b.ledger.open(s.Key, p.ValueType(), b.now); !known {
			return MetricLimit
		}
	}
	if !s.Form.Gauge && number != p.ValueType() {
		return MixedValueTypes
	}
	b.sheet.add(entry{Stream: s, value: s.Form.of(p)})
	return Foldable
}

// sheet holds one value per stream, in the order in which the streams came. The zero
// sheet is empty.
type sheet struct {
	entries []entry
	index   map[uint64]int // Stream.Key -> position in entries
}

type entry struct {
	Stream
	value Value
}

// number returns the type of the numbers of a stream, and false if it is not here.
func (s *sheet) number(key uint64) (pmetric.NumberDataPointValueType, bool) {
	i, ok := s.index[key]
	if !ok {
		return 0, false
	}
	return s.entries[i].value.number, true
}

func (s *sheet) add(e entry) {
	if i, ok := s.index[e.Key]; ok {
		s.entries[i].value = e.Form.merge(s.entries[i].value, e.value)
		return
	}
	if s.index == nil {
		s.index = map[uint64]int{}
	}
	s.index[e.Key] = len(s.entries)
	s.entries = append(s.entries, e)
}

// addAll leaves other as it was.
func (s *sheet) addAll(other sheet) {
	for _, e := range other.entries {
		s.add(e)
	}
}

func (s *sheet) points() int {
	n := 0
	for _, e := range s.entries {
		n += e.value.Points
	}
	return n
}
