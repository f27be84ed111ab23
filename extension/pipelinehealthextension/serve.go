// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/api"
)

const (
	// maxHeaderBytes is plenty for a probe.
	maxHeaderBytes = 16 << 10
	// goodbyeTimeout is what the answers under way get at the very end. The
	// collector's own context has no deadline, and a client that never sends
	// its request's last byte must not hold up the process.
	goodbyeTimeout = time.Second
)

// Dependencies are the extensions that must run before a request comes in.
func (e *healthExtension) Dependencies() []component.ID {
	var ids []component.ID
	if e.cfg.Server.Auth.HasValue() {
		ids = append(ids, e.cfg.Server.Auth.Get().Config.AuthenticatorID)
	}
	for _, m := range e.cfg.Server.Middlewares {
		ids = append(ids, m.ID)
	}
	return ids
}

func (e *healthExtension) serve(ctx context.Context, host component.Host) error {
	listener, err := e.cfg.Server.ToListener(ctx)
	if err != nil {
		return e.listenError(err)
	}
	face := api.Guard(listener.Addr(), e.cfg.Server.NetAddr.Endpoint, e.grpc.beside(e.face()))
	server, err := e.cfg.Server.ToServer(ctx, host.GetExtensions(), e.set.TelemetrySettings, face)
	if err != nil {
		return errors.Join(fmt.Errorf("set up the health server: %w", err), listener.Close())
	}
	server.MaxHeaderBytes = maxHeaderBytes
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true) // as probes speak gRPC
	e.server, e.addr = server, listener.Addr()
	e.running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			e.serveFailed(host, err)
		}
	})
	e.set.Logger.Info("Answering /health, /ready and /live, and grpc.health.v1", zap.Stringer("endpoint", listener.Addr()))
	return nil
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

func (e *healthExtension) stopServing(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, goodbyeTimeout)
	defer cancel()
	e.grpc.server.Stop() // of those who Watch
	if err := e.server.Shutdown(ctx); err != nil {
		return e.server.Close()
	}
	return nil
}
