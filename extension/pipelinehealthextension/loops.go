// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/internal/heartbeat"
)

// RegisterLoop implements [heartbeat.Registry].
func (e *healthExtension) RegisterLoop(owner component.ID, what string, every time.Duration) (loop heartbeat.Loop, unregister func()) {
	return e.dog.Watch(what+" of "+owner.String(), every)
}

// watchLoops looks at all loops and does nothing else: a loop that hangs must not
// take it along.
func (e *healthExtension) watchLoops(ctx context.Context) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		e.lookAtLoops(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (e *healthExtension) lookAtLoops(now time.Time) {
	hung, before := e.dog.Look(now), *e.hung.Load()
	if slices.Equal(hung, before) {
		return
	}
	e.hung.Store(&hung)
	e.grpc.tellLive(len(hung) == 0)
	if len(hung) == 0 {
		e.set.Logger.Info("All loops turn again: /live answers 200")
		return
	}
	e.set.Logger.Error("Loops of the collector's own components hang, which only a restart cures: /live answers 503", zap.Strings("loops", hung))
}
