// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// Window is one window of a query. All methods are safe for concurrent use and legal on a nil Window.
type Window struct {
	handle

	query      *Query
	windowType string
	size       reading
	duration   atomic.Int64 // nanoseconds
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

// SetDuration says how long the window is, for the attribute eventflux.window.duration of its spans. It returns w.
// A window that is bounded otherwise has none.
func (w *Window) SetDuration(d time.Duration) *Window {
	if w != nil {
		w.duration.Store(int64(d))
	}
	return w
}

// window returns type and duration of the window that given is about: the first one of the type it names, or the
// first one.
func (q *Query) window(given []attribute.KeyValue) (windowType string, duration time.Duration) {
	for _, kv := range given {
		if kv.Key == semconv.WindowTypeKey {
			windowType = kv.Value.AsString()
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, w := range q.windows {
		if windowType == "" || windowType == w.windowType {
			return w.windowType, time.Duration(w.duration.Load())
		}
	}
	return windowType, 0
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
