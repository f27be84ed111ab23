// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Page is what is handed on in one go: one point per overflow stream.
type Page struct {
	// Lines are in the order in which the streams were contributed to.
	Lines []Line

	carried sheet // what is put back if the page cannot be delivered
	rest    sheet // what does not fit on this page
}

// Line is one overflow point.
type Line struct {
	Stream
	// Start and End are the window of a sum. A gauge has the End only.
	Start, End pcommon.Timestamp

	value Value
}

// Points returns how many points were folded into this line.
func (n Line) Points() int { return n.value.Points }

// WriteTo fills in value and times of a point.
func (n Line) WriteTo(p pmetric.NumberDataPoint) {
	p.SetTimestamp(n.End)
	if !n.Form.Gauge {
		p.SetStartTimestamp(n.Start)
	}
	n.Form.write(n.value, p)
}

// Take takes the pen and returns the page to hand on: all deposits and, if b is not
// nil, its contributions. It returns nil, and leaves the pen, if there is nothing to
// write or if somebody else is writing. Whoever gets a page must Settle it.
func (l *Ledger) Take(b *Batch, now pcommon.Timestamp) *Page {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken {
		return nil
	}
	all := l.waiting
	if b != nil {
		all = sheet{}
		all.addAll(l.waiting)
		all.addAll(b.sheet)
	}
	if len(all.entries) == 0 {
		return nil
	}
	page := &Page{Lines: make([]Line, 0, len(all.entries)), carried: l.waiting}
	for _, e := range all.entries {
		part, rest := e.Form.split(e.value)
		page.Lines = append(page.Lines, l.line(e.Stream, part, now))
		if rest.Points > 0 {
			page.rest.add(entry{Stream: e.Stream, value: rest})
		}
	}
	l.taken = true
	l.waiting = sheet{}
	return page
}

// line opens the next window of a stream.
func (l *Ledger) line(of Stream, value Value, now pcommon.Timestamp) Line {
	s := l.streams[of.Key]
	if s == nil { // forgotten while a slow batch was on its way
		s = l.add(of.Key, value.number, now)
	}
	s.written = max(now, s.written+1)
	return Line{Stream: of, Start: s.delivered, End: s.written, value: value}
}

// Settle gives the pen back. A page that was not delivered does not count as written:
// its deposits wait again, its batch's contributions are forgotten, because whoever sent
// the batch knows that it failed and sends it again, and the next window starts where
// this one did.
func (l *Ledger) Settle(p *Page, delivered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = false
	back := p.carried
	if delivered {
		back = p.rest
		for _, n := range p.Lines {
			l.streams[n.Key].delivered = n.End
		}
	}
	back.addAll(l.waiting)
	l.waiting = back
}
