// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/query"
)

// Totals is what a node has counted itself, apart from its telemetry.
type Totals struct {
	Read       int64 // events taken from the source or the link
	Rejected   int64 // input records that were no events
	Late       int64 // events whose window had closed
	Unmatched  int64 // rows without a partner in the join
	Duplicates int64 // messages of the link that were repeated
	Streams    map[string]junction.Totals
	Queries    map[string]query.Totals
}

func (a *app) totals() Totals {
	t := Totals{Streams: map[string]junction.Totals{}, Queries: map[string]query.Totals{}}
	for _, s := range a.streams {
		t.Streams[s.Name()] = s.Totals()
	}
	for _, q := range a.queries {
		t.Queries[q.ID] = q.Totals()
	}
	return t
}

// logTotals writes them in one line.
func (a *app) logTotals(ctx context.Context, t Totals) {
	attrs := []any{
		"events.read", t.Read, "records.rejected", t.Rejected, "events.late", t.Late,
		"rows.unmatched", t.Unmatched, "messages.duplicate", t.Duplicates,
	}
	for _, s := range a.streams {
		n := t.Streams[s.Name()]
		attrs = append(attrs, s.Name()+".received", n.Received, s.Name()+".sent", n.Sent, s.Name()+".waits", n.Waits)
	}
	for _, q := range a.queries {
		n := t.Queries[q.ID]
		attrs = append(attrs, q.ID+".processed", n.Processed, q.ID+".emitted", n.Emitted)
	}
	a.logger.InfoContext(ctx, "totals at the end of the input", attrs...)
}
