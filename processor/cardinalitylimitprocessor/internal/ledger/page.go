// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
)

// Page is what is handed on in one go: one point per overflow series.
type Page struct {
	// Lines are in the order in which the series were contributed to.
	Lines []Line

	carried sheet // what is put back if the page cannot be delivered
	rest    sheet // what does not fit on this page
}

// Line is one overflow point.
type Line struct {
	*Series
	// Start and End are the window of a sum or histogram. A gauge has the End only.
	Start, End pcommon.Timestamp

	stream *stream
	value  fold.Value
	points int
}

// Points returns how many points were folded into this line.
func (n *Line) Points() int { return n.points }

// WriteTo makes m the metric of this line, with its one point.
func (n *Line) WriteTo(m pmetric.Metric) {
	m.SetName(n.Name)
	m.SetDescription(n.Description)
	m.SetUnit(n.Unit)
	p := n.stream.form.Write(&n.value, m)
	if n.Folded != "" {
		p.StripExemplars(n.Folded)
	}
	n.Attributes.CopyTo(p.Attributes())
	start := n.Start
	if n.stream.form.Type == pmetric.MetricTypeGauge {
		start = 0
	}
	p.SetTimes(start, n.End)
}

// Take takes the pen and returns the page to hand on: all deposits, all totals that
// changed and, if b is not nil, its contributions. It returns nil, and leaves the pen, if
// there is nothing to write, if it is not time yet, or if somebody else is writing. With
// force it is always time. Whoever gets a page must Settle it.
func (l *Ledger) Take(b *Batch, now pcommon.Timestamp, force bool) *Page {
	l.mu.Lock()
	defer l.mu.Unlock()
	nothing := len(l.waiting.entries) == 0 && len(l.changed) == 0 && (b == nil || len(b.sheet.entries) == 0)
	if nothing || l.taken || !force && !l.due(now) {
		return nil
	}
	all := l.waiting
	if b != nil {
		all = sheet{}
		all.addAll(&l.waiting) // into nothing: it fits
		l.lost += all.addAll(&b.sheet)
	}
	page := &Page{carried: l.waiting}
	for i := range all.entries {
		e := &all.entries[i]
		part, rest := e.stream.form.Split(e.value)
		page.Lines = append(page.Lines, l.line(l.current(e.stream), part, part.Points, now))
		if rest.Points > 0 {
			page.rest.add(e.stream).value = rest
		}
	}
	l.totals(page, now)
	l.taken, l.flushed = true, now
	l.waiting = sheet{}
	return page
}

// due reports whether it is time for the next page. A clock that was set back must not
// stop the writing.
func (l *Ledger) due(now pcommon.Timestamp) bool {
	return now < l.flushed || now >= l.flushed+pcommon.Timestamp(l.limits.FlushInterval)
}

// totals puts those on the page that changed since the last one.
func (l *Ledger) totals(page *Page, now pcommon.Timestamp) {
	for _, s := range l.changed {
		var total fold.Value
		s.form.Merge(&total, &s.total) // into nothing: it fits
		part, _ := s.form.Split(total)
		s.total.ResetExemplars()
		line := l.line(s, part, s.pending, now)
		line.Start = s.start
		page.Lines = append(page.Lines, line)
		s.pending = 0
	}
	l.changed = l.changed[:0]
}

// line opens the next window of a stream.
func (l *Ledger) line(s *stream, value fold.Value, points int, now pcommon.Timestamp) Line {
	s.written = max(now, s.written+1)
	return Line{Series: &s.Series, Start: s.delivered, End: s.written, stream: s, value: value, points: points}
}

// Settle gives the pen back. A page that was not delivered does not count as written:
// deposits wait again, totals are written again, the contributions of its batch are
// forgotten, because whoever sent the batch knows that it failed and sends it again, and
// the next window starts where this one did.
func (l *Ledger) Settle(p *Page, delivered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = false
	back := p.carried
	if delivered {
		back = p.rest
	}
	for i := range p.Lines {
		n := &p.Lines[i]
		switch {
		case delivered:
			n.stream.delivered = n.End
		case n.stream.form.Sourced():
			l.pend(n.stream, n.points)
		}
	}
	l.lost += back.addAll(&l.waiting)
	l.waiting = back
}
