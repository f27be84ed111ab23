// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/drain"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/signals"
	"github.com/eventflux-io/eventflux-otel/internal/selfmetrics"
)

// collectTimeout bounds a look at the collector's own metrics, which calls back
// into components.
const collectTimeout = time.Second

// queues returns the exporters' queues, and false if nobody tells of them.
func (e *healthExtension) queues() ([]signals.Queue, bool) {
	source := selfmetrics.Current()
	if source == nil {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	var rm metricdata.ResourceMetrics
	if err := source.Collect(ctx, &rm); err != nil {
		return nil, false
	}
	return signals.Queues(&rm), true
}

// pending is what was accepted and would be lost if the pipelines stopped now.
// What is in a queue on disk would not.
func (e *healthExtension) pending() (drain.Pending, []signals.Queue) {
	held := e.limiters.Drain(context.Background())
	queues, known := e.queues()
	p := drain.Pending{Known: known, Items: int64(held)}
	w := e.configured()
	var left []signals.Queue
	for _, q := range queues {
		if q.Size > 0 && !w.onDisk[q.Exporter] {
			p.Items += q.Size
			left = append(left, q)
		}
	}
	return p, left
}
