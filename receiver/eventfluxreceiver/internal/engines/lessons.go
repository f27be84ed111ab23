// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// When the series of an engine are looked at. A look costs about a tenth of the
// decoding of the request, and nothing may cost that much at each request.
const (
	lessonGap    = 5 * time.Second // at least, when there are more points than ever, but for the first minute
	lessonEvery  = time.Minute     // the first look that nothing asks for
	lessonSeldom = 10 * time.Minute
)

// lessons says when to look at the series of an engine.
type lessons struct {
	first time.Time
	last  time.Time
	every time.Duration
	most  int // points in one request
}

// due reports whether to look at a request with so many points, and takes it that
// this is done. It is when there are more than ever, and else less and less often.
func (l *lessons) due(points int, now time.Time) bool {
	since := now.Sub(l.last)
	switch {
	case l.last.IsZero():
		l.first = now
	case points > l.most && (since >= lessonGap || now.Sub(l.first) < lessonEvery):
		l.every = 0
	case since >= max(l.every, lessonEvery):
	default:
		return false
	}
	l.last, l.most = now, max(l.most, points)
	l.every = min(max(2*l.every, lessonEvery), lessonSeldom)
	return true
}

// Lesson reports whether the series in a request with so many points are to be
// learned: they are to be ended by this receiver, and may be new. What a stopped
// engine still sends is always learned, for it is to be ended at once. The resource
// is that of [Life].
func (r *Registry) Lesson(id Identity, points int, now time.Time) (resource pcommon.Map, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.byID[id]
	if !ok || points == 0 {
		return pcommon.Map{}, false
	}
	e := el.Value.(*engine)
	return e.resource, !r.follows(e, now) && (!e.goodbye.IsZero() || e.lessons.due(points, now))
}

// Unlearn makes the next request of the engine one to learn from.
func (r *Registry) Unlearn(id Identity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if el, ok := r.byID[id]; ok {
		el.Value.(*engine).lessons = lessons{}
	}
}
