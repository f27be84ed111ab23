// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/api"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// processStart outlives the extension: a reload makes a new one.
var processStart = time.Now()

var (
	_ engineview.Registry                   = (*healthExtension)(nil)
	_ extensioncapabilities.PipelineWatcher = (*healthExtension)(nil)
	_ componentstatus.Watcher               = (*healthExtension)(nil)
)

type healthExtension struct {
	cfg   *Config
	set   extension.Settings
	phase atomic.Int32

	mu       sync.Mutex
	sources  map[component.ID]engineview.Source
	statuses map[string]componentstatus.Status // of components that are not well

	server  *http.Server
	addr    net.Addr
	serving sync.WaitGroup
}

func newExtension(set extension.Settings, cfg *Config) *healthExtension {
	return &healthExtension{
		cfg: cfg, set: set,
		sources:  make(map[component.ID]engineview.Source),
		statuses: make(map[string]componentstatus.Status),
	}
}

// Start listens and answers "starting" until the pipelines run.
func (e *healthExtension) Start(ctx context.Context, host component.Host) error {
	srv, err := e.cfg.Server.ToServer(ctx, host.GetExtensions(), e.set.TelemetrySettings, api.Handler(e.report))
	if err != nil {
		return err
	}
	ln, err := e.cfg.Server.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("pipeline_health::endpoint %q cannot be listened on (health_check has the same default port): %w",
			e.cfg.Server.NetAddr.Endpoint, err)
	}
	e.server, e.addr = srv, ln.Addr()
	e.serving.Go(func() {
		if err := srv.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			e.set.Logger.Error("Health endpoint stopped answering", zap.Error(err))
		}
	})
	e.set.Logger.Info("Answering /health, /ready and /live", zap.Stringer("endpoint", ln.Addr()))
	return nil
}

// Shutdown is safe before Start and twice.
func (e *healthExtension) Shutdown(ctx context.Context) error {
	if e.server == nil {
		return nil
	}
	err := e.server.Shutdown(ctx)
	e.serving.Wait()
	return err
}

// Ready is called once the pipelines run.
func (e *healthExtension) Ready() error {
	e.phase.Store(int32(verdict.PhaseRunning))
	return nil
}

// NotReady is called before the first component stops.
func (e *healthExtension) NotReady() error {
	e.phase.Store(int32(verdict.PhaseStopping))
	return nil
}

// ComponentStatusChanged keeps what is not well. It is called under a lock of
// the collector's status reporter, so it does nothing slow and reports nothing.
func (e *healthExtension) ComponentStatusChanged(source *componentstatus.InstanceID, event *componentstatus.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := source.Kind().String() + " " + source.ComponentID().String()
	switch event.Status() {
	case componentstatus.StatusRecoverableError, componentstatus.StatusPermanentError, componentstatus.StatusFatalError:
		e.statuses[key] = event.Status()
	default:
		delete(e.statuses, key)
	}
}

// RegisterEngines implements [engineview.Registry].
func (e *healthExtension) RegisterEngines(receiver component.ID, source engineview.Source) func() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sources[receiver] = source
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.sources[receiver] == source {
			delete(e.sources, receiver)
		}
	}
}

func (e *healthExtension) report() verdict.Report {
	now := time.Now()
	evidence := verdict.Evidence{
		Now: now, Started: processStart,
		Phase:       verdict.Phase(e.phase.Load()),
		MemoryBytes: memory(),
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, status := range e.statuses {
		if status == componentstatus.StatusRecoverableError {
			evidence.Recoverable = append(evidence.Recoverable, name)
		} else {
			evidence.Failing = append(evidence.Failing, name)
		}
	}
	slices.Sort(evidence.Recoverable)
	slices.Sort(evidence.Failing)
	for _, source := range e.sources {
		evidence.Engines = append(evidence.Engines, source.Engines(now)...)
	}
	return verdict.Judge(evidence)
}

// memory is what the Go runtime holds of the operating system's memory.
func memory() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}
