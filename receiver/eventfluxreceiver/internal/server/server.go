// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package server speaks OTLP over gRPC and HTTP. It is built from the public
// parts of the collector, configgrpc and confighttp, so TLS, authentication,
// compression, size limits and middlewares are configured as everywhere else.
//
// It differs from the stock receiver in what it hands over: where a request
// came from, and requests without data, which are signs of life.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// Config says which servers to run. A nil one does not run.
type Config struct {
	GRPC  *configgrpc.ServerConfig
	HTTP  *confighttp.ServerConfig
	Paths Paths
}

// Server is a running pair of OTLP servers.
type Server struct {
	grpc    *grpc.Server
	http    *http.Server
	serving sync.WaitGroup
	// stopping is closed when Shutdown begins.
	stopping chan struct{}
	stop     sync.Once
	// Addresses listened on, for logs and tests; nil when not running.
	GRPCAddr, HTTPAddr net.Addr
}

// Settings are what the servers need from the collector around them.
type Settings struct {
	Host      component.Host
	Telemetry component.TelemetrySettings
	// Failed is called, from a goroutine of its own, when a server that was
	// started stops serving by itself.
	Failed func(error)
	// Ended is called when a gRPC connection ends, whoever ended it. It must not
	// block.
	Ended func(*Connection)
}

// Start listens and serves. When one server cannot start, the other is stopped
// again.
func Start(ctx context.Context, cfg Config, c Consumers, set Settings) (*Server, error) {
	s := &Server{stopping: make(chan struct{})}
	if err := s.startGRPC(ctx, cfg.GRPC, c, set); err != nil {
		return nil, err
	}
	if err := s.startHTTP(ctx, cfg, c, set); err != nil {
		return nil, errors.Join(err, s.Shutdown(ctx))
	}
	return s, nil
}

func (s *Server) startGRPC(ctx context.Context, cfg *configgrpc.ServerConfig, c Consumers, set Settings) error {
	if cfg == nil {
		return nil
	}
	guards, err := guardGRPC(cfg)
	if err != nil {
		return err
	}
	srv, err := cfg.ToServer(ctx, set.Host.GetExtensions(), set.Telemetry, append(guards,
		configgrpc.WithGrpcServerOption(grpc.StatsHandler(connections{ended: set.Ended})),
		// A worker keeps the stack that decoding grew; a goroutine of its own for each
		// request, as there is when all workers are busy, grows it anew: 5% of the CPU.
		configgrpc.WithGrpcServerOption(grpc.NumStreamWorkers(uint32(runtime.GOMAXPROCS(0)))))...)
	if err != nil {
		return fmt.Errorf("protocols::grpc: %w", err)
	}
	if c.Traces != nil {
		ptraceotlp.RegisterGRPCServer(srv, &traces{consume: c.Traces, origin: grpcOrigin})
	}
	if c.Metrics != nil {
		pmetricotlp.RegisterGRPCServer(srv, &metrics{consume: c.Metrics, origin: grpcOrigin})
	}
	if c.Logs != nil {
		plogotlp.RegisterGRPCServer(srv, &logs{consume: c.Logs, origin: grpcOrigin})
	}
	registerHealth(srv, s.stopping)
	ln, err := cfg.NetAddr.Listen(ctx)
	if err != nil {
		srv.Stop() // its workers run already
		return fmt.Errorf("protocols::grpc::endpoint %q cannot be listened on: %w", cfg.NetAddr.Endpoint, err)
	}
	s.grpc, s.GRPCAddr = srv, ln.Addr()
	s.serving.Go(func() {
		if err := srv.Serve(ln); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			set.Failed(fmt.Errorf("gRPC server on %s: %w", ln.Addr(), err))
		}
	})
	return nil
}

func (s *Server) startHTTP(ctx context.Context, cfg Config, c Consumers, set Settings) error {
	if cfg.HTTP == nil {
		return nil
	}
	options, err := guardHTTP(cfg.HTTP)
	if err != nil {
		return err
	}
	srv, err := cfg.HTTP.ToServer(ctx, set.Host.GetExtensions(), set.Telemetry, routes(cfg.Paths, c),
		append(options, confighttp.WithErrorHandler(writeConfigHTTPError))...)
	if err != nil {
		return fmt.Errorf("protocols::http: %w", err)
	}
	srv.Handler = withHealth(srv.Handler, s.stopping)
	ln, err := cfg.HTTP.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("protocols::http::endpoint %q cannot be listened on: %w", cfg.HTTP.NetAddr.Endpoint, err)
	}
	s.http, s.HTTPAddr = srv, ln.Addr()
	s.serving.Go(func() {
		if err := srv.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			set.Failed(fmt.Errorf("HTTP server on %s: %w", ln.Addr(), err))
		}
	})
	return nil
}

// Shutdown takes no new requests and waits for those in flight until ctx ends;
// what is left then is cut off, which the senders see as a retryable failure.
// It returns an error only when it had to cut something off.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop.Do(func() { close(s.stopping) })
	var stopping sync.WaitGroup
	var errHTTP, errGRPC error
	if s.http != nil {
		stopping.Go(func() { errHTTP = s.stopHTTP(ctx) })
	}
	if s.grpc != nil {
		stopping.Go(func() { errGRPC = s.stopGRPC(ctx) })
	}
	stopping.Wait()
	if err := errors.Join(errHTTP, errGRPC); err != nil {
		return err // what still serves ends with the last handler
	}
	s.serving.Wait()
	return nil
}

func (s *Server) stopHTTP(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("HTTP requests still in flight were cut off: %w", err), s.http.Close())
	}
	return nil
}

func (s *Server) stopGRPC(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		// Stop closes the connections. It is not waited for: while GracefulStop
		// waits for a handler it holds a lock that Stop needs, and a handler may
		// hang for ever.
		go s.grpc.Stop()
		return fmt.Errorf("gRPC requests still in flight were cut off: %w", ctx.Err())
	}
}

func grpcOrigin(ctx context.Context) Origin {
	o := Origin{Transport: GRPC}
	if c, ok := ctx.Value(connectionKey{}).(*Connection); ok {
		o.Connection, o.Peer = c, c.peer
	}
	o.SDK = slices.ContainsFunc(metadata.ValueFromIncomingContext(ctx, "user-agent"), isSDK)
	return o
}
