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
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what the collector compresses with

	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
)

// Backend takes logs and spans over OTLP/gRPC. It counts each log by its body.
type Backend struct {
	plogotlp.UnimplementedGRPCServer
	// Delay is how long each request takes, in nanoseconds.
	Delay atomic.Int64

	addr   string
	server *grpc.Server
	mu     sync.Mutex
	seen   map[string]int
	spans  []recorded.Span
}

// NewBackend chooses an address without listening on it.
func NewBackend(addr string) *Backend {
	return &Backend{addr: addr, seen: map[string]int{}}
}

// Start listens until the test ends.
func (b *Backend) Start(t testing.TB) {
	t.Helper()
	ln, err := net.Listen("tcp", b.addr)
	if err != nil {
		t.Fatalf("start the backend: %v", err)
	}
	b.server = grpc.NewServer()
	plogotlp.RegisterGRPCServer(b.server, b)
	ptraceotlp.RegisterGRPCServer(b.server, &traces{backend: b})
	var serving sync.WaitGroup
	serving.Go(func() { _ = b.server.Serve(ln) }) // ends with Stop
	t.Cleanup(func() {
		b.server.Stop()
		serving.Wait()
	})
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

// traces is the Backend's other service: both are called Export.
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

// Addr is the address that it listens on.
func (b *Backend) Addr() string { return b.addr }
