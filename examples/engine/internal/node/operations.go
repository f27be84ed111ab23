// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/schedule"
)

// operations is what goes on beside the events.
type operations struct {
	schedule *schedule.Scheduler
}

// schedulerWorkers is how many tasks may run at the same time.
const schedulerWorkers = 4

// openOperations makes the scheduler, and the triggers of this node.
func (n *Node) openOperations() error {
	n.ops.schedule = schedule.New(n.handle, n.logger, schedulerWorkers)
	for _, decl := range n.app.Triggers {
		if decl.Node != n.opts.Node {
			continue
		}
		into := n.streams[decl.Name]
		if err := n.ops.schedule.Trigger(into.Schema(), decl.At, n.publish(into)); err != nil {
			return err
		}
		n.feeds = append(n.feeds, feed{run: func(run, stop context.Context) error { return n.trigger(run, stop, into) }})
	}
	return nil
}

// attend does what goes on beside the events until ctx ends.
func (n *Node) attend(ctx context.Context) {
	go n.ops.schedule.Run(ctx)
	if n.opts.Progress > 0 {
		go n.progress(ctx)
	}
}

// trigger ends the stream of a trigger with the input.
func (n *Node) trigger(run, stop context.Context, into *junction.Junction) error {
	defer into.Close()
	select {
	case <-run.Done():
		return run.Err()
	case <-stop.Done():
	}
	return n.publish(into)(run, junction.Message{Ctx: context.Background(), End: true})
}

// publish is how sources that are driven by others put messages into a stream.
func (n *Node) publish(into *junction.Junction) func(context.Context, junction.Message) error {
	return func(ctx context.Context, m junction.Message) error {
		_, err := into.Publish(ctx, m)
		return err
	}
}
