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
	triggers []junctionEnd
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
		into := n.streams[decl.Stream]
		t := schedule.NewTrigger(decl.Name, n.handle, into.Schema(), n.publish(into))
		if err := t.Start(n.ops.schedule, time.Duration(decl.Every), decl.Cron); err != nil {
			return fmt.Errorf("trigger %s: %w", decl.Name, err)
		}
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
