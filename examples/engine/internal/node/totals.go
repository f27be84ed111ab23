// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"maps"
	"slices"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/query"
)

// Totals is what a node has counted itself, apart from its telemetry.
type Totals struct {
	Read       int64 // events taken from the source or the link
	Rejected   int64 // input records that were no events
	Late       int64 // events whose window had closed
	Unmatched  int64 // rows without a partner in the join
	Duplicates int64 // messages that were sent again
	Streams    map[string]junction.Totals
	Queries    map[string]query.Totals
}

// Totals returns the counts so far. Any goroutine may call it.
func (n *Node) Totals() Totals {
	t := Totals{Streams: map[string]junction.Totals{}, Queries: map[string]query.Totals{}}
	for _, s := range n.streams {
		t.Streams[s.Name()] = s.Totals()
	}
	for _, q := range n.queries {
		t.Queries[q.ID] = q.Totals()
		t.Late += q.Dropped()
		t.Unmatched += q.Unmatched()
	}
	for _, f := range n.inputs {
		if f.totals != nil {
			f.totals(&t)
		}
	}
	return t
}

// logTotals writes them in one line.
func (n *Node) logTotals(ctx context.Context, t Totals) {
	attrs := []any{
		"events.read", t.Read, "records.rejected", t.Rejected, "events.late", t.Late,
		"rows.unmatched", t.Unmatched, "messages.duplicate", t.Duplicates,
	}
	for _, name := range slices.Sorted(maps.Keys(t.Streams)) {
		s := t.Streams[name]
		attrs = append(attrs, name+".received", s.Received, name+".sent", s.Sent, name+".waits", s.Waits, name+".dropped", s.Dropped)
	}
	for _, query := range n.queries {
		q := t.Queries[query.ID]
		attrs = append(attrs, query.ID+".processed", q.Processed, query.ID+".emitted", q.Emitted)
	}
	n.logger.InfoContext(ctx, "totals at the end of the input", attrs...)
}
