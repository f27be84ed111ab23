// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

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

// load counts what many clients send, each request once.
type load struct {
	sent, failed atomic.Int64
	lastError    atomic.Pointer[error]
	number       atomic.Int64
}

func (l *load) count(err error) {
	l.sent.Add(1)
	if err != nil {
		l.failed.Add(1)
		l.lastError.Store(&err)
	}
}

func (l *load) logs() plogotlp.ExportRequest {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "sender")
	rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(fmt.Sprint("request ", l.number.Add(1)))
	return plogotlp.NewExportRequestFromLogs(ld)
}

// clients send a request every ten milliseconds each until stop is called.
func (l *load) clients(n int, send func(context.Context, plogotlp.ExportRequest) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	for range n {
		sending.Go(func() {
			ticker := time.NewTicker(10 * time.Millisecond)
			defer ticker.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
					l.count(send(context.Background(), l.logs())) // one that began is finished
				}
			}
		})
	}
	return func() { cancel(); sending.Wait() }
}

func postTo(client *http.Client, url string) func(context.Context, plogotlp.ExportRequest) error {
	return func(ctx context.Context, request plogotlp.ExportRequest) error {
		body, err := request.MarshalProto()
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-protobuf")
		response, err := client.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if _, err = io.Copy(io.Discard, response.Body); err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("HTTP %d", response.StatusCode)
		}
		return err
	}
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

	var l load
	client := plogotlp.NewGRPCClient(conn)
	stopGRPC := l.clients(5, func(ctx context.Context, request plogotlp.ExportRequest) error {
		_, err := client.Export(ctx, request)
		return err
	})
	stopHTTP := l.clients(5, postTo(front.Client(), front.URL+"/v1/logs"))
	stop := sync.OnceFunc(func() { stopGRPC(); stopHTTP() })
	defer stop()

	begin := time.Now()
	for i, g := range gateways {
		before := l.sent.Load()
		run.Eventually(t, "requests go on", func() bool { return l.sent.Load() > before+100 })
		require.Zero(t, g.Stop(), "gateway %d", i)
		g.Launch("gateway", env)
		g.WaitReady()
		run.Eventually(t, "the balancer sees it", func() bool { return b.ready[i].Load() })
	}
	stop()
	took := time.Since(begin)
	if last := l.lastError.Load(); last != nil {
		t.Errorf("%d of %d requests failed, the last with: %v", l.failed.Load(), l.sent.Load(), *last)
	}
	t.Logf("%d requests in %s, %.0f a second", l.sent.Load(), took.Round(time.Second), float64(l.sent.Load())/took.Seconds())
	run.Eventually(t, "the backend has everything", func() bool { return len(backend.Seen()) >= int(l.number.Load()) })
	assert.Len(t, backend.Seen(), int(l.number.Load()))
}

func listenOnLoopback(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return ln
}
