// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/drain"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/signals"
	"github.com/eventflux-io/eventflux-otel/internal/selfmetrics"
)

// collectTimeout bounds a look at the collector's own metrics, which calls back
// into components.
const collectTimeout = time.Second

// selfMetrics returns what the collector measures of itself, nil if nobody tells.
func (e *healthExtension) selfMetrics() *metricdata.ResourceMetrics {
	source := selfmetrics.Current()
	if source == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	rm := new(metricdata.ResourceMetrics)
	if err := source.Collect(ctx, rm); err != nil {
		return nil
	}
	return rm
}

// leftovers are what was accepted and would be lost if the pipelines stopped now
// and nobody took it any more. What is in a queue on disk would not.
type leftovers struct {
	queues    []signals.Queue
	points    int   // that limiters hold back
	undecided int64 // traces
}

// pending looks at what is left.
func (e *healthExtension) pending() (drain.Pending, leftovers) {
	left := leftovers{points: e.limiters.Drain(context.Background())}
	rm := e.selfMetrics()
	p := drain.Pending{Known: rm != nil, Items: int64(left.points)}
	if rm == nil {
		return p, left
	}
	left.undecided = signals.Undecided(rm)
	p.Items += left.undecided
	topology := e.topology.Load()
	for _, q := range signals.Queues(rm) {
		if q.Size > 0 && !topology.OnDisk[q.Exporter] {
			p.Items += q.Size
			left.queues = append(left.queues, q)
		}
	}
	return p, left
}

func (l *leftovers) none() bool { return len(l.queues) == 0 && l.points == 0 && l.undecided == 0 }

func (l *leftovers) fields() (fields []zap.Field) {
	for _, q := range l.queues {
		fields = append(fields, zap.Int64(q.Exporter+" "+q.Signal, q.Size))
	}
	if l.points > 0 {
		fields = append(fields, zap.Int("held_points", l.points))
	}
	if l.undecided > 0 {
		fields = append(fields, zap.Int64("undecided_traces", l.undecided))
	}
	return fields
}
