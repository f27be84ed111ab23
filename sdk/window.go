// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import "github.com/eventflux-io/eventflux-otel/sdk/semconv"

// Window is one window of a query. All methods are safe for concurrent use and legal on a nil Window.
type Window struct {
	handle

	query      *Query
	windowType string
	size       reading
}

// Window binds a window of the given type ("tumbling", "sliding", ...). Windows of one type in one query share a
// series, to which their sizes add up.
func (q *Query) Window(windowType string) *Window {
	if q == nil {
		return nil
	}
	w := &Window{query: q, windowType: windowType}
	q.open(&w.handle, semconv.WindowType(windowType))
	w.size.bind(family(semconv.QueryWindowSize), w.attrs...)
	w.own.release(w.size.close)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.windows = append(q.windows, w)
	return w
}

// SizeFunc reports query.window.size{query.id, window.type}. f returns the bytes the window holds; it is called
// at every collection on a goroutine of the SDK and should return at once. A second call replaces the first, nil
// takes it away.
func (w *Window) SizeFunc(f func() int64) {
	if w != nil {
		w.size.set(w.sdk.registry, asFloat(f))
	}
}

// Close ends the window's series after one more export; closing its query does so too. Closing twice is fine.
func (w *Window) Close() {
	if w != nil {
		w.own.close()
	}
}
