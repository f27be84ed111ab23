// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/internal/heartbeat"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/pulse"
)

// canary tries the pipelines of the receiver at each interval.
type canary struct {
	r     *eventfluxReceiver
	every time.Duration // 0: not at all
	turns heartbeat.Loop
	stop  context.CancelFunc
	wg    sync.WaitGroup
}

func newCanary(r *eventfluxReceiver) *canary {
	return &canary{r: r, every: r.cfg.Canary.Interval, turns: heartbeat.Unwatched{}}
}

func (c *canary) start() {
	if c.every == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	c.wg.Go(func() { c.loop(ctx) })
}

// shutdown waits for the last canary, which a pipeline gives up with its context. It is
// safe before start.
func (c *canary) shutdown(ctx context.Context) {
	if c.stop != nil {
		c.stop()
		waitFor(ctx, &c.wg)
	}
}

func (c *canary) loop(ctx context.Context) {
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	for {
		c.turns.Turn()
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			c.turns.Away()
			if err := c.send(ctx, now); err != nil {
				c.r.set.Logger.Debug("A canary was refused", zap.Error(err))
			}
		}
	}
}

// send counts as data that the receiver took in, and so counts what is refused.
func (c *canary) send(ctx context.Context, now time.Time) error {
	made := pulse.Canary{Resource: c.r.set.Resource.Attributes(), Now: now}
	obs := c.r.tel.internal
	var errs []error
	if next := c.r.nextTraces; next != nil {
		op := obs.StartTracesOp(ctx)
		err := next.ConsumeTraces(op, made.Span(newTrace()))
		obs.EndTracesOp(op, metadataFormat, 1, err)
		errs = append(errs, err)
	}
	if next := c.r.nextMetrics; next != nil {
		op := obs.StartMetricsOp(ctx)
		err := next.ConsumeMetrics(op, made.Point())
		obs.EndMetricsOp(op, metadataFormat, 1, err)
		errs = append(errs, err)
	}
	if next := c.r.nextLogs; next != nil {
		op := obs.StartLogsOp(ctx)
		err := next.ConsumeLogs(op, made.Record())
		obs.EndLogsOp(op, metadataFormat, 1, err)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func newTrace() (trace pcommon.TraceID, span pcommon.SpanID) {
	_, _ = rand.Read(trace[:]) // never fails
	_, _ = rand.Read(span[:])
	return trace, span
}
