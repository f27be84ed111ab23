// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/operator"
)

func (q *Query) holds() bool {
	for _, op := range q.Operators {
		if w, ok := op.(operator.Windowed); ok && w.Holds() {
			return true
		}
	}
	return false
}

// closeWindows ends every window because time or input did. No batch caused
// that, so it is a trace of its own, linked to the batches that filled them.
func (q *Query) closeWindows(ctx context.Context, now time.Time) error {
	q.now = time.Time{}
	if !q.holds() {
		return nil
	}
	b := q.worker.Trigger(q.worker.Context(), q.links.take()...)
	defer b.End()
	for i, op := range q.Operators {
		w, ok := op.(operator.Windowed)
		if !ok || !w.Holds() {
			continue
		}
		rows := w.Close(b, now)
		q.steps[i].out.Add(rows.Len())
		if _, err := q.emit(ctx, b, through(b, q.steps[i+1:], rows)); err != nil {
			return err
		}
	}
	return nil
}

// end closes the windows and tells whoever comes next.
func (q *Query) end(ctx context.Context, m junction.Message) error {
	if err := q.closeWindows(ctx, m.Taken); err != nil {
		return err
	}
	if err := q.mark(ctx, junction.Message{Ctx: m.Ctx, End: true}); err != nil {
		return err
	}
	if err := q.finishSinks(ctx); err != nil {
		return err
	}
	q.logger.InfoContext(ctx, "end of input passed", "events.processed", q.processed.Load(), "events.emitted", q.emitted.Load())
	if q.OnEnd != nil {
		q.OnEnd(ctx)
	}
	return nil
}

// links remembers the newest traced batches whose events a window may hold.
type links struct {
	ring [maxLinks]telemetry.Link
	n    int
}

// maxLinks bounds memory; the SDK keeps fewer on a span.
const maxLinks = 128

func (l *links) keep(link telemetry.Link) {
	if link.Valid() {
		l.ring[l.n%maxLinks] = link
		l.n++
	}
}

// take returns the links, oldest first, and forgets them.
func (l *links) take() []telemetry.Link {
	n := min(l.n, maxLinks)
	out := make([]telemetry.Link, 0, n)
	for i := l.n - n; i < l.n; i++ {
		out = append(out, l.ring[i%maxLinks])
	}
	l.n = 0
	return out
}
