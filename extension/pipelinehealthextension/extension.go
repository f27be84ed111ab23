// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/api"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/drain"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/outbound"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/signals"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/watchdog"
	"github.com/eventflux-io/eventflux-otel/internal/cardinalityview"
	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/internal/heartbeat"
	"github.com/eventflux-io/eventflux-otel/internal/intake"
)

// watchInterval is how often the status is judged when nobody asks, so that
// what only time changes, such as an engine's silence, is noticed and logged.
const watchInterval = time.Second

// processStart outlives the extension: a reload makes a new one.
var processStart = time.Now()

var (
	_ engineview.Registry                   = (*healthExtension)(nil)
	_ cardinalityview.Registry              = (*healthExtension)(nil)
	_ heartbeat.Registry                    = (*healthExtension)(nil)
	_ intake.Registry                       = (*healthExtension)(nil)
	_ extensioncapabilities.PipelineWatcher = (*healthExtension)(nil)
	_ extensioncapabilities.Dependent       = (*healthExtension)(nil)
	_ componentstatus.Watcher               = (*healthExtension)(nil)
)

type healthExtension struct {
	cfg *Config
	set extension.Settings

	// Evidence.
	components signals.Components
	engines    signals.Engines
	limiters   signals.Limiters
	intakes    signals.Intakes
	backlog    signals.Backlog
	losses     signals.Losses
	outbound   outbound.Destinations
	topology   atomic.Pointer[outbound.Topology] // empty until the configuration is known
	lifeMu     sync.Mutex                        // guards life
	life       drain.Machine
	terminal   *terminal

	storage   *storageProbe // nil without one
	dog       watchdog.Dog
	hung      atomic.Pointer[[]string] // loops, as they were at the last look
	telemetry *telemetry
	grpc      *grpcFace

	// stale asks the watcher to judge before its time.
	stale   chan struct{}
	stop    context.CancelFunc
	running sync.WaitGroup

	server *http.Server
	socket *socket
	crowd  api.Crowd
	// accepting is closed when the server takes no more connections.
	accepting chan struct{}
	addr      net.Addr
}

func newExtension(set extension.Settings, cfg *Config) *healthExtension {
	e := &healthExtension{
		cfg:       cfg,
		set:       set,
		life:      drain.Machine{Min: cfg.Drain.Min, Max: cfg.Drain.Max},
		terminal:  newTerminal(),
		telemetry: &telemetry{logger: set.Logger, latest: verdict.Judge(verdict.Evidence{}), told: verdict.Starting},
		grpc:      newGRPCFace(),
		stale:     make(chan struct{}, 1),
	}
	e.topology.Store(&outbound.Topology{})
	e.hung.Store(new([]string))
	return e
}

// Start listens, and answers "starting" until the pipelines run.
func (e *healthExtension) Start(ctx context.Context, host component.Host) error {
	if err := e.telemetry.register(e.set.TelemetrySettings); err != nil {
		return err
	}
	var err error
	if e.storage, err = e.openStorage(ctx, host); err != nil {
		e.telemetry.shutdown()
		return err
	}
	if err := e.serve(ctx, host); err != nil {
		e.telemetry.shutdown()
		if e.storage != nil {
			err = errors.Join(err, e.storage.client.Close(ctx))
		}
		return err
	}
	watching, stop := context.WithCancel(context.Background())
	e.stop = stop
	if e.storage != nil {
		go e.storage.probe(watching) // waited for by close
	}
	e.running.Go(func() { e.watch(watching) })
	e.running.Go(func() { e.watchLoops(watching) })
	return nil
}

// Shutdown is the last thing that happens to the extension; until then /live
// is answered. It is safe before Start and twice.
func (e *healthExtension) Shutdown(ctx context.Context) error {
	e.terminal.close()
	if e.stop == nil {
		return nil
	}
	e.stop()
	err := e.stopServing(ctx)
	e.running.Wait()
	if e.storage != nil {
		err = errors.Join(err, e.storage.close(ctx))
	}
	e.telemetry.shutdown()
	return err
}

// Ready is called once the pipelines run.
func (e *healthExtension) Ready() error {
	e.withLife(func(m *drain.Machine) { m.Ready() })
	e.terminal.listen(e.signalled)
	e.judge("the pipelines run")
	return nil
}

// ComponentStatusChanged is called under a lock of the collector's status
// reporter: it stores, and leaves judging to the watcher.
func (e *healthExtension) ComponentStatusChanged(source *componentstatus.InstanceID, event *componentstatus.Event) {
	severity, known := severities[event.Status()]
	if !known {
		return
	}
	var text string
	if err := event.Err(); err != nil {
		text = err.Error()
	}
	pipelines := pipelinesOf(source)
	if e.components.Observe(componentName(source, pipelines), pipelines, severity, text, time.Now()) {
		select {
		case e.stale <- struct{}{}:
		default: // the watcher is about to look anyway
		}
	}
}

var severities = map[componentstatus.Status]signals.Severity{
	componentstatus.StatusStarting:         signals.Fine,
	componentstatus.StatusOK:               signals.Fine,
	componentstatus.StatusRecoverableError: signals.Recoverable,
	componentstatus.StatusPermanentError:   signals.Permanent,
	componentstatus.StatusFatalError:       signals.Permanent,
	componentstatus.StatusStopping:         signals.Fine,
	componentstatus.StatusStopped:          signals.Fine,
}

// componentName is how operators know a component: as it stands in their
// configuration. A processor is one component in each of its pipelines.
func componentName(source *componentstatus.InstanceID, pipelines []string) string {
	name := strings.ToLower(source.Kind().String()) + " " + source.ComponentID().String()
	if len(pipelines) == 0 {
		return name
	}
	return name + " of pipeline " + strings.Join(pipelines, ", ")
}

func pipelinesOf(source *componentstatus.InstanceID) (ids []string) {
	source.AllPipelineIDs(func(id pipeline.ID) bool {
		ids = append(ids, id.String())
		return true
	})
	return ids
}

// RegisterEngines implements [engineview.Registry].
func (e *healthExtension) RegisterEngines(_ component.ID, source engineview.Source) (unregister func()) {
	return e.engines.Register(source)
}

// RegisterCardinality implements [cardinalityview.Registry].
func (e *healthExtension) RegisterCardinality(_ component.ID, source cardinalityview.Source) (unregister func()) {
	return e.limiters.Register(source)
}

// RegisterIntake implements [intake.Registry].
func (e *healthExtension) RegisterIntake(_ component.ID, source intake.Source) (unregister func()) {
	return e.intakes.Register(source)
}

// watch judges at intervals, and when a component said something new.
func (e *healthExtension) watch(ctx context.Context) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	loop, done := e.RegisterLoop(e.set.ID, "status", watchInterval)
	defer done()
	for {
		loop.Away() // with whoever is measured
		rm := e.selfMetrics()
		loop.Turn()
		if rm != nil {
			e.backlog.Update(signals.Queues(rm))
			e.losses.Update(rm, time.Now())
		}
		e.judge("")
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-e.stale:
		}
	}
}

// judge makes a report and tells the log and the metrics. The occasion is the
// reason of a change that the report itself does not explain.
func (e *healthExtension) judge(occasion string) {
	e.telemetry.note(func() verdict.Report {
		report := e.report()
		e.grpc.tell(e.readiness(), report.Status)
		return report
	}, occasion, time.Now())
}

func (e *healthExtension) report() verdict.Report { return verdict.Judge(e.evidence()) }

// answer is a report as somebody asks for it.
func (e *healthExtension) answer(q api.Question) verdict.Report {
	evidence := e.evidence()
	evidence.Exclude = q.Exclude
	report := verdict.Judge(evidence)
	if q.Verbose {
		report.Seen = e.seen(evidence.Now)
	}
	return report
}

func (e *healthExtension) evidence() verdict.Evidence {
	now := time.Now()
	evidence := verdict.Evidence{
		Now:              now,
		Started:          processStart,
		Phase:            e.phase(),
		MemoryBytes:      signals.Memory(),
		RecoveryDuration: e.cfg.RecoveryDuration,
		Troubles:         e.components.Troubles(),
		Outside:          e.outside(now),
		Engines:          e.engines.At(now),
		AnyEngineFails:   e.cfg.Engines.UnhealthyWhen == Any,
	}
	if e.storage != nil {
		evidence.Storage, evidence.Disk = e.cfg.Storage.String(), e.storage.writes.At(now)
	}
	return evidence
}

// pipeline judges one pipeline, and returns false if there is none of that ID.
func (e *healthExtension) pipeline(id string) (verdict.Pipeline, bool) {
	exporters, ok := e.topology.Load().Pipelines[id]
	return verdict.JudgePipeline(id, exporters, e.evidence()), ok
}

func (e *healthExtension) face() api.Face {
	return api.Face{
		Now:         time.Now,
		Health:      e.answer,
		Engines:     func(instance string) []engineview.Engine { return e.engines.Of(instance, time.Now()) },
		Pipeline:    e.pipeline,
		Ready:       e.readiness,
		Hung:        func() []string { return *e.hung.Load() },
		Cardinality: e.limiters.Reports,
		Contract:    e.engines.Contracts,
	}
}

func (e *healthExtension) readiness() verdict.Readiness {
	r := verdict.Ready(e.phase(), e.components.OutOfMemory())
	if len(e.cfg.Ready.Require) == 0 {
		return r
	}
	return r.Requiring(e.cfg.Ready.Require, e.report().Checks)
}

func (e *healthExtension) phase() (p drain.Phase) {
	e.withLife(func(m *drain.Machine) { p = m.Phase() })
	return p
}

// withLife gives do the life of the pipelines to look at or to move on.
func (e *healthExtension) withLife(do func(*drain.Machine)) {
	e.lifeMu.Lock()
	defer e.lifeMu.Unlock()
	do(&e.life)
}
