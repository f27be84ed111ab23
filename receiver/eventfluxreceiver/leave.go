// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/internal/heartbeat"
	"github.com/eventflux-io/eventflux-otel/internal/intake"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

// errLeaving has no status of its own, so that its sender is told when to try
// again. By then load balancers know better places.
var errLeaving = errors.New("the collector is about to stop: try again, it will be another one")

// leaver is how a receiver leaves.
type leaver struct {
	server *server.Server
	logger *zap.Logger
	// leaving is true from the first step on, lettingGo when the server itself ends connections, whose end then
	// says nothing of engines; refusing is true when nothing is accepted any more.
	leaving, lettingGo, refusing atomic.Bool
}

var _ intake.Source = (*leaver)(nil)

// Leave implements [intake.Source].
func (l *leaver) Leave(ctx context.Context, s intake.Step) (left int64) {
	if s >= intake.NotReady {
		l.leaving.Store(true)
		l.server.NotReady()
	}
	if s >= intake.LetGo {
		first := l.lettingGo.CompareAndSwap(false, true)
		var err error
		if left, err = l.server.LetGo(ctx); err != nil && first {
			l.logger.Warn("gRPC clients stay connected until the shutdown", zap.Error(err))
		}
	}
	if s >= intake.Refuse {
		l.refusing.Store(true)
	}
	return left
}

// failed ends the process, unless that is under way: then nobody listens to fatal
// errors any more, and whoever reports one waits for ever.
func (r *eventfluxReceiver) failed(host component.Host, err error) {
	if r.leaver.leaving.Load() {
		r.set.Logger.Error("A server stopped before the drain was over", zap.Error(err))
		return
	}
	componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
}

// register makes the extension, if there is one, know the engines, watch the
// receiver's loop if it has one, and say when the end begins.
func (r *eventfluxReceiver) register(extension engineview.Registry) (unregister func()) {
	if extension == nil {
		return func() {}
	}
	all := []func(){extension.RegisterEngines(r.set.ID, r.list)}
	if r.heart.beats() {
		turns, stopped := heartbeat.Register(extension, r.set.ID, "engines", r.cfg.Engines.MetricsInterval)
		r.heart.turns = turns
		all = append(all, stopped)
	}
	if every := r.cfg.Canary.Interval; every > 0 {
		turns, stopped := heartbeat.Register(extension, r.set.ID, "canary", every)
		r.canary.turns = turns
		all = append(all, stopped)
	}
	if drain, ok := extension.(intake.Registry); ok {
		all = append(all, drain.RegisterIntake(r.set.ID, &r.leaver))
	}
	return func() {
		for _, one := range all {
			one()
		}
	}
}
