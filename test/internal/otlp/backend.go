// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlp holds the two ends of an OTLP connection: a sender that numbers
// what it sends, and a backend that counts what arrives.
package otlp

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what the collector compresses with

	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
)

// Backend takes all signals over OTLP/gRPC. It counts each log by its body.
type Backend struct {
	plogotlp.UnimplementedGRPCServer
	// Delay is how long each request takes, in nanoseconds.
	Delay atomic.Int64
	// Stop ends what Start began.
	Stop func()

	addr   string
	mu     sync.Mutex
	seen   map[string]int
	spans  []recorded.Span
	points []recorded.Point
}

// NewBackend chooses an address without listening on it.
func NewBackend(addr string) *Backend {
	return &Backend{addr: addr, seen: map[string]int{}}
}

// Start listens until the test ends, or Stop. It may be called again after that.
func (b *Backend) Start(t testing.TB) {
	t.Helper()
	ln, err := net.Listen("tcp", b.addr)
	if err != nil {
		t.Fatalf("start the backend: %v", err)
	}
	server := grpc.NewServer()
	plogotlp.RegisterGRPCServer(server, b)
	ptraceotlp.RegisterGRPCServer(server, &traces{backend: b})
	pmetricotlp.RegisterGRPCServer(server, &metrics{backend: b})
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(ln) }) // ends with Stop
	b.Stop = sync.OnceFunc(func() {
		server.Stop()
		serving.Wait()
	})
	t.Cleanup(b.Stop)
}

// Export implements plogotlp.GRPCServer.
func (b *Backend) Export(_ context.Context, req plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	time.Sleep(time.Duration(b.Delay.Load()))
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, rl := range req.Logs().ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				b.seen[r.Body().AsString()]++
			}
		}
	}
	return plogotlp.NewExportResponse(), nil
}

// Seen returns how often each body arrived.
func (b *Backend) Seen() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.seen)
}

// traces is another service of the Backend: all methods are called Export.
type traces struct {
	ptraceotlp.UnimplementedGRPCServer
	backend *Backend
}

// Export implements ptraceotlp.GRPCServer.
func (s *traces) Export(_ context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	b := s.backend
	time.Sleep(time.Duration(b.Delay.Load()))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spans = recorded.AppendSpans(b.spans, req.Traces())
	return ptraceotlp.NewExportResponse(), nil
}

// Spans returns all spans that arrived.
func (b *Backend) Spans() []recorded.Span {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.spans)
}

// metrics is the Backend's third service.
type metrics struct {
	pmetricotlp.UnimplementedGRPCServer
	backend *Backend
}

// Export implements pmetricotlp.GRPCServer.
func (s *metrics) Export(_ context.Context, req pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	b := s.backend
	time.Sleep(time.Duration(b.Delay.Load()))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.points = recorded.AppendPoints(b.points, req.Metrics())
	return pmetricotlp.NewExportResponse(), nil
}

// Points returns all points of sums that arrived, in the order of their arrival.
func (b *Backend) Points() []recorded.Point {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.points)
}

// Addr is the address that it listens on.
func (b *Backend) Addr() string { return b.addr }
