// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

const (
	sdkUserAgent = "OTel-OTLP-Exporter-Rust/0.31.0"
	goUserAgent  = "OTel Go OTLP over gRPC metrics exporter/1.47.0" // the OpenTelemetry SDK for Go
)

func dialAs(t *testing.T, addr, userAgent string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent(userAgent))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// only returns the verdict on the one engine there is.
func (b *bench) only(t *testing.T) engineview.Engine {
	t.Helper()
	seen := b.receiver.list.Engines(time.Now())
	require.Len(t, seen, 1)
	return seen[0]
}

// waitLost waits until the engine is silent and logs how long that took.
func (b *bench) waitLost(t *testing.T) {
	t.Helper()
	since := time.Now()
	require.Eventually(t, func() bool {
		return b.only(t).State == engineview.StateSilent
	}, time.Minute, 10*time.Millisecond)
	t.Logf("silent after %s", time.Since(since).Round(time.Millisecond))
	assert.Equal(t, engineview.EvidenceConnectionLost, b.only(t).Evidence)
}

var engineA = map[string]any{"service.name": "engine", "service.instance.id": "a"}

func TestAnEngineThatClosesItsConnectionIsLost(t *testing.T) {
	_, next := collecting()
	b := start(t, testConfig(), next)
	conn := dialAs(t, b.receiver.server.GRPCAddr.String(), goUserAgent)
	export(t, conn, engineMetrics(engineA))
	assert.Equal(t, engineview.EvidenceConnection, b.only(t).Evidence)
	require.NoError(t, conn.Close())
	b.waitLost(t)

	export(t, dialAs(t, b.receiver.server.GRPCAddr.String(), sdkUserAgent), engineMetrics(engineA))
	assert.Equal(t, engineview.StateUp, b.only(t).State)
}

func TestTheConnectionOfAnAgentIsNoEvidence(t *testing.T) {
	_, next := collecting()
	b := start(t, testConfig(), next)
	conn := dialAs(t, b.receiver.server.GRPCAddr.String(), "OpenTelemetry Collector Contrib/0.159.0 (linux/amd64)")
	export(t, conn, engineMetrics(engineA))
	assert.Equal(t, engineview.EvidenceData, b.only(t).Evidence)
}

func TestAServerThatEndsConnectionsDrawsNoConclusion(t *testing.T) {
	cfg := testConfig()
	assert.False(t, cfg.endsConnections())
	cfg.Protocols.GRPC.Get().Keepalive.Get().ServerParameters.Get().MaxConnectionAge = time.Hour
	assert.True(t, cfg.endsConnections())
}

// TestABlackHoleIsFound lets the network between engine and receiver swallow
// everything without a word. The keep-alive runs faster here than by default.
func TestABlackHoleIsFound(t *testing.T) {
	cfg := testConfig()
	keepalive := cfg.Protocols.GRPC.Get().Keepalive.Get().ServerParameters.Get()
	keepalive.Time, keepalive.Timeout = time.Second, time.Second
	cfg.Engines.ReconnectGrace = 100 * time.Millisecond
	_, next := collecting()
	b := start(t, cfg, next)
	hole := newBlackHole(t, b.receiver.server.GRPCAddr.String())

	export(t, dialAs(t, hole.addr, sdkUserAgent), engineMetrics(engineA))
	assert.Equal(t, engineview.EvidenceConnection, b.only(t).Evidence)
	hole.open()
	b.waitLost(t)
}

// blackHole is a proxy that copies both ways until it is opened; then it reads
// and drops, and closes nothing.
type blackHole struct {
	addr string
	mu   sync.Mutex
	lost bool
}

func newBlackHole(t *testing.T, to string) *blackHole {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h := &blackHole{addr: ln.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := new(net.Dialer).DialContext(t.Context(), "tcp", to)
			if err != nil {
				_ = near.Close()
				return
			}
			t.Cleanup(func() { _, _ = near.Close(), far.Close() })
			go h.pipe(near, far)
			go h.pipe(far, near)
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return h
}

func (h *blackHole) open() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost = true
}

func (h *blackHole) pipe(to, from net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		h.mu.Lock()
		lost := h.lost
		h.mu.Unlock()
		if lost {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
