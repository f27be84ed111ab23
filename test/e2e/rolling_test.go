// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"github.com/eventflux-io/eventflux-otel/test/internal/load"
	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// balancer spreads requests over the gateways whose /ready says 200, which it asks five
// times a second, as load balancers with active checks do. It repeats nothing.
type balancer struct {
	gateways []*run.Collector
	ready    []atomic.Bool
	next     atomic.Uint64
	grpc     *manual.Resolver
	http     *httputil.ReverseProxy
	built    atomic.Bool // some client asked grpc for addresses
	known    string
}

func newBalancer(t *testing.T, gateways []*run.Collector) *balancer {
	t.Helper()
	b := &balancer{gateways: gateways, ready: make([]atomic.Bool, len(gateways)), grpc: manual.NewBuilderWithScheme("gateways")}
	b.http = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", b.pick().HTTP)})
	}}
	b.grpc.BuildCallback = func(resolver.Target, resolver.ClientConn, resolver.BuildOptions) { b.built.Store(true) }
	b.check()
	ctx, cancel := context.WithCancel(context.Background())
	var checking sync.WaitGroup
	checking.Go(func() {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				b.check()
			}
		}
	})
	t.Cleanup(func() { cancel(); checking.Wait() })
	return b
}

// check asks every gateway and, when the answers changed, tells the gRPC clients.
func (b *balancer) check() {
	var state resolver.State
	for i, g := range b.gateways {
		code, _ := g.Probe("/ready")
		b.ready[i].Store(code == http.StatusOK)
		if code == http.StatusOK {
			state.Addresses = append(state.Addresses, resolver.Address{Addr: g.Endpoint()})
		}
	}
	if known := fmt.Sprint(state.Addresses); known != b.known {
		b.known = known
		if b.built.Load() {
			b.grpc.UpdateState(state)
		} else {
			b.grpc.InitialState(state)
		}
	}
}

func (b *balancer) pick() *run.Collector {
	for range b.gateways {
		if i := int(b.next.Add(1) % uint64(len(b.gateways))); b.ready[i].Load() {
			return b.gateways[i]
		}
	}
	return b.gateways[0]
}

// Three shipped gateways restart one after the other under a thousand requests a second, half
// of them HTTP/1.1 and half gRPC. No client sees an error, and nothing is lost.
func TestARollingRestartFailsNoRequest(t *testing.T) {
	backend := otlp.NewBackend(fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)))
	backend.Start(t)
	env := map[string]string{"EVENTFLUX_OTLP_ENDPOINT": backend.Addr()}
	var gateways []*run.Collector
	for range 3 {
		gateways = append(gateways, run.StartCollector(t, "gateway", env))
	}
	b := newBalancer(t, gateways)
	front := httptest.NewUnstartedServer(b.http)
	front.Listener = listenOnLoopback(t)
	front.Start()
	defer front.Close()
	conn, err := grpc.NewClient("gateways:///", grpc.WithResolvers(b.grpc), grpc.WithDisableRetry(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()

	conn.Connect()
	run.Eventually(t, "the client has asked for addresses", b.built.Load)

	var l load.Load
	client := plogotlp.NewGRPCClient(conn)
	stopGRPC := l.Clients(5, func(ctx context.Context, request plogotlp.ExportRequest) error {
		_, err := client.Export(ctx, request)
		return err
	})
	stopHTTP := l.Clients(5, load.PostTo(front.Client(), front.URL+"/v1/logs"))
	stop := sync.OnceFunc(func() { stopGRPC(); stopHTTP() })
	defer stop()

	begin := time.Now()
	for i, g := range gateways {
		before := l.Sent()
		run.Eventually(t, "requests go on", func() bool { return l.Sent() > before+100 })
		require.Zero(t, g.Stop(), "gateway %d", i)
		g.Launch("gateway", env)
		g.WaitReady()
		run.Eventually(t, "the balancer sees it", func() bool { return b.ready[i].Load() })
	}
	stop()
	took := time.Since(begin)
	if failed, last := l.Failed(); failed > 0 {
		t.Errorf("%d of %d requests failed, the last with: %v", failed, l.Sent(), last)
	}
	t.Logf("%d requests in %s, %.0f a second", l.Sent(), took.Round(time.Second), float64(l.Sent())/took.Seconds())
	run.Eventually(t, "the backend has everything", func() bool { return len(backend.Seen()) >= len(l.Accepted()) })
	assert.Len(t, backend.Seen(), int(l.Sent()))
}

func listenOnLoopback(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return ln
}
