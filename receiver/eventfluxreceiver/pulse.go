// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/internal/heartbeat"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/pulse"
)

// restBetween is the least time between two looks at all engines that changes
// ask for: a thousand engines that come at once are not a thousand looks.
const restBetween = 100 * time.Millisecond

// eventInterval is how often an entity event repeats that an engine is there.
const eventInterval = time.Minute

// heart writes what is known of engines into the receiver's own pipelines of
// metrics and logs: all of it at each interval, and a change of state at once.
type heart struct {
	r      *eventfluxReceiver
	ledger *pulse.Ledger
	events *pulse.Entities
	dead   map[engines.Identity]struct{} // at the last interval
	self   *pcommon.Map
	wake   chan struct{} // of one; a wake that is pending stands for all
	turns  heartbeat.Loop
	stop   context.CancelFunc
	wg     sync.WaitGroup
}

func newHeart(r *eventfluxReceiver) *heart {
	h := &heart{
		r: r, ledger: pulse.NewLedger(), wake: make(chan struct{}, 1),
		events: pulse.NewEntities(max(eventInterval, r.cfg.Engines.MetricsInterval)),
		turns:  heartbeat.Unwatched{},
	}
	if id := r.cfg.Engines.AgentID; id != "" {
		self := pcommon.NewMap()
		self.PutStr("service.name", r.set.BuildInfo.Command)
		if name, ok := r.set.Resource.Attributes().Get("service.name"); ok {
			self.PutStr("service.name", name.AsString())
		}
		self.PutStr("service.instance.id", id)
		h.self = &self
	}
	return h
}

// beats reports whether there is something to beat for: engines are known by
// their metrics alone.
func (h *heart) beats() bool { return h.r.nextMetrics != nil }

// start begins to beat.
func (h *heart) start() {
	if !h.beats() {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.stop = cancel
	h.wg.Go(func() { h.loop(ctx) })
}

// shutdown waits for the last write until ctx ends. It is safe before start.
func (h *heart) shutdown(ctx context.Context) {
	if h.stop == nil {
		return
	}
	h.stop()
	waitFor(ctx, &h.wg)
}

// waitFor waits no longer than ctx: a pipeline that hangs is told by the server's shutdown.
func waitFor(ctx context.Context, wg *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// changed asks for a look when something arrived that changes a state.
func (h *heart) changed() {
	if !h.r.list.Changed() && !h.r.agents.Changed() {
		return
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *heart) loop(ctx context.Context) {
	tick := time.NewTicker(h.r.cfg.Engines.MetricsInterval)
	defer tick.Stop()
	turn := time.NewTimer(0)
	defer turn.Stop()
	due := time.Now()
	all := true // once before the first interval
	for {
		h.turns.Turn()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			all = true
		case <-turn.C:
		case <-h.wake:
			if soon := time.Now().Add(restBetween); soon.Before(due) {
				due = soon
				turn.Reset(restBetween)
			}
			continue
		}
		wait := h.beat(ctx, all)
		all = false
		due = time.Now().Add(wait)
		turn.Reset(wait)
	}
}

// beat writes what there is to write, and returns how long it takes until the
// next state changes when nothing arrives.
func (h *heart) beat(ctx context.Context, all bool) time.Duration {
	now := time.Now()
	lives, next := h.r.list.Lives(now)
	agents, nextAgent := h.r.agents.Lives(now)
	h.ledger.Write(pulse.Round{Engines: lives, Agents: agents, Self: h.self, Now: now, All: all}, func(md pmetric.Metrics) error {
		return h.send(ctx, md) // what is refused is written again at the next interval
	})
	if all {
		h.endSeries(ctx, lives, now)
	}
	if h.r.nextLogs != nil {
		h.sendEvents(ctx, h.events.Write(lives, now))
	}
	return max(restBetween, min(until(next, now), until(nextAgent, now)))
}

// until returns the time from now to at, a long one when there is no at.
func until(at, now time.Time) time.Duration {
	if at.IsZero() {
		return time.Hour
	}
	return at.Sub(now)
}

// send counts as data that the receiver took in, and so counts what is refused.
func (h *heart) send(ctx context.Context, md pmetric.Metrics) error {
	n := md.DataPointCount()
	ctx = h.r.tel.internal.StartMetricsOp(ctx)
	h.turns.Away()
	err := h.r.nextMetrics.ConsumeMetrics(ctx, md)
	h.turns.Turn()
	h.r.tel.internal.EndMetricsOp(ctx, metadataFormat, n, err)
	if err != nil {
		h.r.set.Logger.Debug("What is known of engines was refused", zap.Error(err))
	}
	return err
}

// sendEvents is [heart.send] for entity events. What is refused is said again at
// the next interval, but for the end of an engine.
func (h *heart) sendEvents(ctx context.Context, ld plog.Logs) {
	n := ld.LogRecordCount()
	if n == 0 {
		return
	}
	ctx = h.r.tel.internal.StartLogsOp(ctx)
	h.turns.Away()
	err := h.r.nextLogs.ConsumeLogs(ctx, ld)
	h.turns.Turn()
	h.r.tel.internal.EndLogsOp(ctx, metadataFormat, n, err)
	if err != nil {
		h.r.set.Logger.Debug("Entity events were refused", zap.Error(err))
	}
}

func newRegistry(cfg *EnginesConfig) *engines.Registry {
	return engines.New(engines.Limits{
		Max:         cfg.Max,
		SilentAfter: cfg.SilentAfter, SilentAtMost: cfg.SilentAtMost,
		Grace:       cfg.ReconnectGrace,
		ForgetAfter: cfg.ForgetAfter,
	})
}
