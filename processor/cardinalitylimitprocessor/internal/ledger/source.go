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
	free  []uint32
	used  int

	// index has positions plus one, at the homes of their fingerprints or soon after. It is a
	// power of two in size and at most half full. Fingerprints are evenly spread already.
	index []uint32
}

const minIndex = 16

func newSources() sources { return sources{index: make([]uint32, minIndex)} }

func (s *sources) len() int { return s.used }

// home is where in the index to look for a fingerprint first.
func (s *sources) home(fingerprint uint64) int { return int(fingerprint & uint64(len(s.index)-1)) }

func (s *sources) after(i int) int { return (i + 1) & (len(s.index) - 1) }

// find returns nil if there is no such source.
func (s *sources) find(fingerprint uint64) *source {
	for i := s.home(fingerprint); s.index[i] != 0; i = s.after(i) {
		if src := &s.slots[s.index[i]-1]; src.fingerprint == fingerprint {
			return src
		}
	}
	return nil
}

// add makes a source that is not there. Others may have another address afterwards.
func (s *sources) add(fingerprint uint64) *source {
	if s.used++; 2*s.used > len(s.index) {
		s.grow()
	}
	var position uint32
	if n := len(s.free); n > 0 {
		position = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		position = uint32(len(s.slots))
		s.slots = append(s.slots, source{})
	}
	s.slots[position].fingerprint = fingerprint
	s.enter(fingerprint, position)
	return &s.slots[position]
}

func (s *sources) enter(fingerprint uint64, position uint32) {
	i := s.home(fingerprint)
	for s.index[i] != 0 {
		i = s.after(i)
	}
	s.index[i] = position + 1
}

func (s *sources) grow() {
	old := s.index
	s.index = make([]uint32, 2*len(old))
	for _, entry := range old {
		if entry != 0 {
			s.enter(s.slots[entry-1].fingerprint, entry-1)
		}
	}
}

func (s *sources) remove(src *source) {
	hole := s.home(src.fingerprint)
	for &s.slots[s.index[hole]-1] != src {
		hole = s.after(hole)
	}
	s.free = append(s.free, s.index[hole]-1)
	// Close the hole with what would not be found beyond it.
	mask := len(s.index) - 1
	for i := s.after(hole); s.index[i] != 0; i = s.after(i) {
		home := s.home(s.slots[s.index[i]-1].fingerprint)
		if (i-home)&mask >= (i-hole)&mask {
			s.index[hole], hole = s.index[i], i
		}
	}
	s.index[hole] = 0
	*src = source{}
	s.used--
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
