// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/app"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/cluster"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/fault"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/operator"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/query"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/schedule"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

// operations is what goes on beside the events.
type operations struct {
	schedule *schedule.Scheduler
	cluster  *cluster.Node // nil: there are no other nodes
	faults   *fault.Set    // nil: nobody may make any
}

const (
	schedulerWorkers = 4                      // tasks that run at the same time
	harmEvery        = 100 * time.Millisecond // of faults that need a task
	labelsAtOnce     = 100
)

// openOperations makes the scheduler, and what else must be there before the
// queries.
func (n *Node) openOperations() error {
	n.ops.schedule = schedule.New(n.handle, n.logger, schedulerWorkers)
	if n.opts.Control == "" && len(n.opts.Faults) == 0 {
		return nil
	}
	n.ops.faults = &fault.Set{Logger: n.logger}
	for _, text := range n.opts.Faults {
		f, err := fault.Parse(text)
		if err != nil {
			return err
		}
		n.ops.faults.Start(f)
	}
	return n.ops.schedule.Every("faults", harmEvery, func(context.Context, time.Time) error {
		n.ops.faults.Grow()
		for range labelsAtOnce {
			if label, ok := n.ops.faults.Label(); ok {
				n.handle.Source("faults", "fault").Errors(label).Inc()
			}
		}
		return nil
	})
}

// openCluster keeps this node in touch with the others.
func (n *Node) openCluster() (err error) {
	if len(n.app.Nodes) < 2 {
		return nil
	}
	cfg := cluster.Config{Self: n.opts.Node, Protocol: n.opts.Protocol, Peers: map[string]string{}}
	for _, name := range n.app.Nodes {
		if name != n.opts.Node {
			cfg.Peers[name] = n.opts.Peers[name]
		}
	}
	n.ops.cluster, err = cluster.New(cfg, n.handle, n.logger)
	if n.server != nil {
		n.server.Beats = n.ops.cluster.Heard
	}
	return err
}

// sabotage lets faults into a query.
func (o *operations) sabotage(cfg *query.Config) {
	if o.faults == nil {
		return
	}
	places := map[query.Place]fault.Kind{
		query.AtBatch: fault.FullBuffer, query.AtCheckpoint: fault.StuckCheckpoint, query.AtDelivery: fault.SlowSink,
	}
	cfg.Hold = func(ctx context.Context, where query.Place) { o.faults.Hold(ctx, places[where]) }
	cfg.Refuse = func(s sink.Sink) error {
		if _, ok := s.(*link.Client); ok {
			return o.faults.Fail(fault.LostPeer)
		}
		return nil
	}
	cfg.Operators = append(cfg.Operators, operator.NewFaulty(func() error { return o.faults.Fail(fault.FailingQuery) }))
	cfg.Errors = append(cfg.Errors, operator.ErrorInjected)
}

// openTriggers schedules the triggers of this node.
func (n *Node) openTriggers() error {
	for _, decl := range n.app.Triggers {
		if decl.Node != n.opts.Node {
			continue
		}
		into := n.streams[decl.Name]
		if err := n.schedule(decl, into); err != nil {
			return err
		}
		part := "trigger/" + decl.Name
		n.durable.part(part, func([]byte) error { return nil })
		n.inputs = append(n.inputs, input{run: func(run, stop context.Context) error { return n.trigger(run, stop, into, part) }})
	}
	return nil
}

func (n *Node) schedule(decl app.Trigger, into *junction.Junction) error {
	fire := func(kind semconv.TriggerTypeValue) schedule.Func {
		return schedule.Trigger(n.handle, kind, into.Schema(), func(ctx context.Context, m junction.Message) error {
			if err := into.Put(ctx, m); !errors.Is(err, junction.ErrClosed) {
				return err
			}
			return nil // the input has ended
		})
	}
	period, err := time.ParseDuration(decl.At)
	switch {
	case decl.At == "start":
		return n.ops.schedule.At(decl.Name, time.Now(), fire(semconv.TriggerTypeStart))
	case err == nil:
		return n.ops.schedule.Every(decl.Name, period, fire(semconv.TriggerTypePeriodic))
	default:
		return n.ops.schedule.Cron(decl.Name, decl.At, fire(semconv.TriggerTypeCron))
	}
}

// trigger sends barriers into the stream of a trigger, and ends it with the input.
func (n *Node) trigger(run, stop context.Context, into *junction.Junction, part string) error {
	defer into.Close()
	for keep := n.durable.keep; ; {
		begun, m := keep.Begun(), junction.Message{Ctx: context.Background()}
		if m.Barrier = keep.Pending(part); m.Barrier == 0 {
			select {
			case <-begun:
				continue
			case <-run.Done():
				return run.Err()
			case <-stop.Done():
				m.End = true
			}
		}
		if err := into.Put(run, m); err != nil || m.End {
			return err
		}
		keep.Report(m.Barrier, part, nil, nil)
	}
}

// attend does what goes on beside the events until ctx ends.
func (n *Node) attend(ctx context.Context, beside *sync.WaitGroup) {
	beside.Go(func() { n.ops.schedule.Run(ctx) })
	if n.ops.cluster != nil {
		beside.Go(func() { n.ops.cluster.Run(ctx) })
	}
	if n.opts.Progress > 0 {
		beside.Go(func() { n.progress(ctx) })
	}
}
