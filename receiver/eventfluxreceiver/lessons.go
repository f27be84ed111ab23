// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/pulse"
)

// learn remembers the series of an engine, now and then, for the time when they
// have to be ended.
func (r *eventfluxReceiver) learn(ctx context.Context, s *sender, rm pmetric.ResourceMetrics, points int) {
	resource, due := r.list.Lesson(s.key, points, s.now)
	if !due {
		return
	}
	if refused := r.series.Learn(s.key, resource, rm, pulse.ScopeName, s.now); refused > 0 {
		r.tel.unlearned(ctx, refused)
	}
}

// endSeries ends the series of engines that were dead at the last interval, too, or
// are forgotten, so that backends stop to show their last values. An interval is time
// enough for a scrape to see what an engine sent last.
func (h *heart) endSeries(ctx context.Context, lives []engines.Life, now time.Time) {
	known := make(map[engines.Identity]struct{}, len(lives))
	dead := make(map[engines.Identity]struct{})
	for i := range lives {
		e := &lives[i]
		known[e.Identity] = struct{}{}
		switch {
		case e.Reported:
			h.r.series.End(e.Identity, now) // the other receiver ends them
		case e.State != engineview.StateUp:
			dead[e.Identity] = struct{}{}
			if _, before := h.dead[e.Identity]; before {
				h.end(ctx, e.Identity, now)
			}
		}
	}
	h.dead = dead
	for _, id := range h.r.series.Others(known) {
		h.end(ctx, id, now)
	}
}

func (h *heart) end(ctx context.Context, id engines.Identity, now time.Time) {
	ended := h.r.series.End(id, now)
	if ended.Series == 0 {
		return
	}
	h.r.list.Unlearn(id) // it may come back
	if err := h.send(ctx, ended.Metrics); err != nil {
		h.r.series.Undo(ended)
		return
	}
	h.r.tel.ended(ctx, ended.Series)
}

// countPoints leaves out what a receiver says of the engine.
func countPoints(rm pmetric.ResourceMetrics) int {
	n := 0
	for _, sm := range rm.ScopeMetrics().All() {
		if sm.Scope().Name() == pulse.ScopeName {
			continue
		}
		for _, m := range sm.Metrics().All() {
			n += datapoints.Count(m)
		}
	}
	return n
}
