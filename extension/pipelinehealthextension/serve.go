// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/api"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/drain"
)

const (
	// maxHeaderBytes is plenty for a probe.
	maxHeaderBytes = 16 << 10
	// maxConnections is more than all probers of a collector have.
	maxConnections = 1000
	// goodbyeTimeout is what the answers under way get at the very end. The
	// collector's own context has no deadline, and a client that never sends
	// its request's last byte must not hold up the process.
	goodbyeTimeout = time.Second
	// finishTimeout is what a connection gets of that to send its request.
	finishTimeout = 250 * time.Millisecond
)

// Dependencies are the extensions that must run before a request comes in.
func (e *healthExtension) Dependencies() []component.ID {
	var ids []component.ID
	if e.cfg.Server.Auth.HasValue() {
		ids = append(ids, e.cfg.Server.Auth.Get().Config.AuthenticatorID)
	}
	if e.cfg.Storage != nil {
		ids = append(ids, *e.cfg.Storage)
	}
	for _, m := range e.cfg.Server.Middlewares {
		ids = append(ids, m.ID)
	}
	return ids
}

func (e *healthExtension) serve(ctx context.Context, host component.Host) error {
	socket, listener, err := listen(ctx, &e.cfg.Server)
	if err != nil {
		return e.listenError(err)
	}
	server, err := e.newServer(ctx, host, listener.Addr())
	if err != nil {
		return errors.Join(fmt.Errorf("set up the health server: %w", err), socket.deadliner.Close())
	}
	e.crowd.Max = maxConnections
	server.ConnState = e.crowd.Note
	server.MaxHeaderBytes = maxHeaderBytes
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true) // as probes speak gRPC
	e.server, e.socket, e.addr = server, socket, listener.Addr()
	e.accepting = make(chan struct{})
	e.running.Go(func() {
		defer close(e.accepting)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) && !socket.ended.Load() {
			e.serveFailed(host, err)
		}
	})
	e.set.Logger.Info("Answering /health, /ready and /live, and grpc.health.v1", zap.Stringer("endpoint", listener.Addr()))
	return nil
}

// newServer answers everybody what probes ask. With auth, what says more is for
// those whom it lets in.
func (e *healthExtension) newServer(ctx context.Context, host component.Host, listens net.Addr) (*http.Server, error) {
	open, face := e.cfg.Server, e.face()
	if !open.Auth.HasValue() {
		return e.serverOf(ctx, host, open, listens, face)
	}
	guarded, err := e.serverOf(ctx, host, open, listens, face)
	if err != nil {
		return nil, err
	}
	open.Auth = configoptional.None[confighttp.AuthConfig]()
	face.Public = true
	server, err := e.serverOf(ctx, host, open, listens, face)
	if err != nil {
		return nil, err
	}
	everybody := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if api.ForEverybody(r) || isGRPC(r) {
			everybody.ServeHTTP(w, r)
			return
		}
		guarded.Handler.ServeHTTP(w, r)
	})
	return server, nil
}

func (e *healthExtension) serverOf(ctx context.Context, host component.Host, cfg confighttp.ServerConfig, listens net.Addr, face api.Face) (*http.Server, error) {
	return cfg.ToServer(ctx, host.GetExtensions(), e.set.TelemetrySettings,
		api.Guard(listens, cfg.NetAddr.Endpoint, e.grpc.beside(face)))
}

// listenError says which key to change.
func (e *healthExtension) listenError(err error) error {
	endpoint := e.cfg.Server.NetAddr.Endpoint
	err = fmt.Errorf("listen on %q, from %s::endpoint: %w", endpoint, e.set.ID, err)
	_, port, _ := net.SplitHostPort(endpoint)
	if port == defaultPort && errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w (health_check has the same default port: is it running too?)", err)
	}
	return err
}

// serveFailed reports a permanent error, not a fatal one. Data still flows,
// and whoever needs the endpoint sees that nobody answers. A fatal error would
// also be sent to the collector's run loop under a lock that shutdown needs,
// which hangs for ever unless the loop happens to be listening.
func (e *healthExtension) serveFailed(host component.Host, err error) {
	err = fmt.Errorf("serve on %s: %w", e.addr, err)
	e.set.Logger.Error("Health endpoint stopped answering", zap.Error(err))
	componentstatus.ReportStatus(host, componentstatus.NewPermanentErrorEvent(err))
}

// finish answers those who are connected already. A server that is shutting down
// drops what it reads.
func (e *healthExtension) finish(ctx context.Context) {
	_ = e.socket.Close() // whoever comes now waits for the next one, if there is one
	ctx, cancel := context.WithTimeout(ctx, finishTimeout)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	accepting := e.accepting
	for accepting != nil || e.crowd.Busy() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-accepting:
			accepting = nil
		case <-ticker.C:
		}
	}
}

// stopServing leaves the port open where a reload is under way.
func (e *healthExtension) stopServing(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, goodbyeTimeout)
	defer cancel()
	e.grpc.server.Stop() // of those who Watch
	e.finish(ctx)
	err := e.server.Shutdown(ctx)
	if err != nil {
		err = e.server.Close()
	}
	reload := false
	e.withLife(func(m *drain.Machine) { reload = m.Reload() })
	if reload && !strings.HasSuffix(e.cfg.Server.NetAddr.Endpoint, ":0") {
		ports.park(portName(&e.cfg.Server), e.socket, keepListening)
		return err
	}
	return errors.Join(err, e.socket.deadliner.Close())
}
