// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// Waiting holds the spans of senders that may turn out to be engines, until they
// do: signals travel apart, and what tells an engine from another program may
// come after its first spans. It is safe for concurrent use, takes no memory
// before it holds something, and about 100 bytes for each span beside the names
// of queries.
type Waiting[K comparable] struct {
	window time.Duration
	max    int

	mu    sync.Mutex
	held  []held[K] // the oldest first
	spans int       // of all that is held
}

type held[K comparable] struct {
	sender K
	at     time.Time
	spans  []Span
}

// NewWaiting returns one that holds spans for a window, and at most so many of
// them: the oldest go first. Both are positive.
func NewWaiting[K comparable](window time.Duration, spans int) *Waiting[K] {
	return &Waiting[K]{window: window, max: spans}
}

// Hold keeps a batch of spans of a sender. It copies them.
func (w *Waiting[K]) Hold(sender K, batch iter.Seq[Span], now time.Time) {
	h := held[K]{sender: sender, at: now}
	for s := range batch {
		if len(h.spans) == w.max {
			break
		}
		s.Query = strings.Clone(s.Query)
		h.spans = append(h.spans, s)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expire(now, len(h.spans))
	w.held = append(w.held, h)
	w.spans += len(h.spans)
}

// Take returns the spans that are held of a sender, in the order in which they
// came, and holds them no longer. The cost is a look at each batch that is held.
func (w *Waiting[K]) Take(sender K, now time.Time) (spans []Span) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expire(now, 0)
	w.held = slices.DeleteFunc(w.held, func(h held[K]) bool {
		if h.sender != sender {
			return false
		}
		spans = append(spans, h.spans...)
		return true
	})
	w.spans -= len(spans)
	return spans
}

// expire drops what is older than the window, and what else there is no room for
// beside so many more.
func (w *Waiting[K]) expire(now time.Time, more int) {
	gone := 0
	for _, h := range w.held {
		if now.Sub(h.at) < w.window && w.spans+more <= w.max {
			break
		}
		w.spans -= len(h.spans)
		gone++
	}
	w.held = slices.Delete(w.held, 0, gone)
}
