// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
)

// source is how far a series had come that is folded into a total. A source stays with its
// stream for life, because a total that takes over a source in the middle would count its
// past twice.
type source struct {
	fingerprint uint64
	stream      *stream           // nil: the slot is free
	at, used    pcommon.Timestamp // of its last point, and when that arrived
	last        fold.Value
}

// sources finds a source by its fingerprint. Slots can be gone through in parts.
type sources struct {
	slots []source
	index map[uint64]uint32
	free  []uint32
}

func newSources() sources {
	return sources{index: map[uint64]uint32{}}
}

func (s *sources) len() int { return len(s.index) }

func (s *sources) find(fingerprint uint64) *source {
	i, ok := s.index[fingerprint]
	if !ok {
		return nil
	}
	return &s.slots[i]
}

func (s *sources) add(fingerprint uint64) *source {
	var i uint32
	if n := len(s.free); n > 0 {
		i = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		i = uint32(len(s.slots))
		s.slots = append(s.slots, source{})
	}
	s.index[fingerprint] = i
	s.slots[i].fingerprint = fingerprint
	return &s.slots[i]
}

func (s *sources) remove(src *source) {
	i := s.index[src.fingerprint]
	delete(s.index, src.fingerprint)
	*src = source{}
	s.free = append(s.free, i)
}

// End forgets a source that said that it ends. It returns false if it is not folded.
func (l *Ledger) End(fingerprint uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	src := l.sources.find(fingerprint)
	if src == nil {
		return false
	}
	l.end(src)
	return true
}

// end needs mu.
func (l *Ledger) end(src *source) {
	stream := src.stream
	stream.sources--
	if stream.form.Level() {
		stream.form.Subtract(&stream.total, &src.last)
		l.pend(stream, 1)
	}
	l.sources.remove(src)
}

// add folds a point by what its source adds to the total.
func (l *Ledger) add(t *Target, p *fold.Point, describe Describer, now pcommon.Timestamp) Reason {
	l.mu.Lock()
	defer l.mu.Unlock()
	src, whole := l.sources.find(t.Source), false
	if src == nil {
		if l.sources.len() >= l.limits.Sources {
			return Untracked
		}
		stream, reason := l.open(t, describe, now)
		if reason != Folded {
			return reason
		}
		src = l.sources.add(t.Source)
		src.stream = stream
		stream.sources++
		whole = isNew(p, max(stream.start, t.NewSince))
	}
	stream := src.stream
	since := stream.form.AddSince(&stream.total, &src.last, p, whole)
	src.used, stream.used = now, max(stream.used, now)
	switch since {
	case fold.Late:
		return OutOfOrder
	case fold.Baseline:
		src.at = p.Timestamp()
		return Baseline
	case fold.NoRoom:
		return CountOverflow
	default:
		src.at = p.Timestamp()
		l.pend(stream, 1)
		return Folded
	}
}

// isNew reports whether all that a cumulative point says happened since a moment. A start
// that is not set, or that is the point's own time, says nothing.
func isNew(p *fold.Point, since pcommon.Timestamp) bool {
	return p.Start() != 0 && p.Start() != p.Timestamp() && p.Start() >= since
}
