// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"time"
)

// progress prints how far the node is, every cfg.Progress, until ctx ends: wall clock, events read and CPU time
// used so far, for whoever measures the node from outside.
func (n *Node) progress(ctx context.Context) {
	tick := time.NewTicker(n.opts.Progress)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			fmt.Fprintf(n.opts.Stderr, "progress at_ns=%d events=%d cpu_ns=%d\n", now.UnixNano(), n.Totals().Read, cpuTime().Nanoseconds())
		}
	}
}
