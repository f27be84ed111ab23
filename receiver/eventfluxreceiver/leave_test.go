// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/internal/heartbeat"
	"github.com/eventflux-io/eventflux-otel/internal/intake"
)

// connectionCount is how many connections a gRPC client made, and how many ended.
type connectionCount struct{ begun, ended atomic.Int64 }

func (*connectionCount) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

func (c *connectionCount) HandleConn(_ context.Context, s stats.ConnStats) {
	switch s.(type) {
	case *stats.ConnBegin:
		c.begun.Add(1)
	case *stats.ConnEnd:
		c.ended.Add(1)
	}
}

func (*connectionCount) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (*connectionCount) HandleRPC(context.Context, stats.RPCStats)                       {}

func (b *bench) postEngine(t *testing.T, client *http.Client) *http.Response {
	t.Helper()
	body, err := pmetricotlp.NewExportRequestFromMetrics(engineMetrics(engineA)).MarshalProto()
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"http://"+b.receiver.server.HTTPAddr.String()+"/v1/metrics", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	return resp
}

// Clients are asked to leave and served when they come back, without one failed
// request: on all connections a goodbye comes between answers. Retries are off.
func TestLetGoFailsNoRequestConcurrentSafe(t *testing.T) {
	_, next := collecting()
	b := start(t, testConfig(), next)
	var count connectionCount
	conn, err := grpc.NewClient(b.receiver.server.GRPCAddr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUserAgent(goUserAgent), grpc.WithDisableRetry(), grpc.WithStatsHandler(&count))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	client := pmetricotlp.NewGRPCClient(conn)
	var sent atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for ctx.Err() == nil {
				_, err := client.Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(engineMetrics(engineA)))
				assert.NoError(t, err)
				assert.Equal(t, http.StatusOK, b.postEngine(t, http.DefaultClient).StatusCode)
				sent.Add(1)
			}
		})
	}
	more := func() {
		before := sent.Load()
		require.Eventually(t, func() bool { return sent.Load() > before+50 }, time.Minute, time.Millisecond)
	}
	more()
	assert.Zero(t, b.receiver.leaver.Leave(t.Context(), intake.NotReady))
	assert.Positive(t, b.receiver.leaver.Leave(t.Context(), intake.LetGo))
	require.Eventually(t, func() bool { return count.ended.Load() == 1 && count.begun.Load() == 2 }, time.Minute, time.Millisecond,
		"the client is connected anew")
	more()
	stop()
	senders.Wait()
	assert.Equal(t, engineview.StateUp, b.only(t).State, "an engine that was asked to leave is not lost")
	http.DefaultClient.CloseIdleConnections()
	require.Eventually(t, func() bool { return b.receiver.leaver.Leave(t.Context(), intake.LetGo) == 0 }, time.Minute, time.Millisecond)
}

func TestLetGoEndsHTTPConnectionsWithAnAnswer(t *testing.T) {
	_, next := collecting()
	b := start(t, testConfig(), next)
	client := &http.Client{Transport: &http.Transport{}}
	assert.False(t, b.postEngine(t, client).Close)
	b.receiver.leaver.Leave(t.Context(), intake.NotReady)
	assert.False(t, b.postEngine(t, client).Close)
	assert.Equal(t, int64(1), b.receiver.leaver.Leave(t.Context(), intake.LetGo), "it is idle, and stays until its next request")
	for range 2 {
		resp := b.postEngine(t, client)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.True(t, resp.Close)
	}
	require.Eventually(t, func() bool { return b.receiver.leaver.Leave(t.Context(), intake.LetGo) == 0 }, time.Minute, time.Millisecond)
}

func TestNotReadyIsToldOnBothPorts(t *testing.T) {
	_, next := collecting()
	b := start(t, testConfig(), next)
	watch, err := healthpb.NewHealthClient(b.dial(t)).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	assert.Equal(t, healthpb.HealthCheckResponse_SERVING, following(t, watch))
	b.receiver.leaver.Leave(t.Context(), intake.NotReady)
	assert.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, following(t, watch))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.receiver.server.HTTPAddr.String()+"/health", http.NoBody)
	require.NoError(t, err)
	resp, _ := do(t, req)
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	export(t, b.dial(t), engineMetrics(engineA))
}

func TestRefuseTellsWhenToTryAgain(t *testing.T) {
	metrics, next := collecting()
	b := start(t, testConfig(), next)
	b.receiver.heart.shutdown(t.Context()) // its own reports are not to be counted
	b.receiver.leaver.Leave(t.Context(), intake.Refuse)
	_, err := pmetricotlp.NewGRPCClient(b.dial(t)).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(engineMetrics(engineA)))
	require.Equal(t, codes.Unavailable, status.Code(err))
	var delay time.Duration
	for _, detail := range status.Convert(err).Details() {
		delay = detail.(*errdetails.RetryInfo).GetRetryDelay().AsDuration()
	}
	assert.Equal(t, time.Second, delay)
	resp := b.postEngine(t, http.DefaultClient)
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Equal(t, "1", resp.Header.Get("Retry-After"))
	assert.Empty(t, metrics.AllMetrics())
	refused, err := b.tel.GetMetric("otelcol_receiver_refused_metric_points")
	require.NoError(t, err)
	total := int64(0)
	for _, p := range refused.Data.(metricdata.Sum[int64]).DataPoints {
		total += p.Value
	}
	assert.Equal(t, int64(4), total)
}

// A port that cannot have a second server keeps the first one.
func TestLetGoThatFailsIsTold(t *testing.T) {
	cfg := testConfig()
	cfg.Protocols.GRPC.Get().Auth.GetOrInsertDefault().AuthenticatorID = tokenID
	_, next := collecting()
	host := fakeHost{tokenID: tokenAuthenticator{}}
	b := startWith(t, cfg, next, host)
	delete(host, tokenID)
	b.receiver.leaver.Leave(t.Context(), intake.LetGo)
	b.receiver.leaver.Leave(t.Context(), intake.LetGo)
	assert.Equal(t, 1, b.logs.FilterMessage("gRPC clients stay connected until the shutdown").Len())
	_, err := healthpb.NewHealthClient(b.dial(t)).Check(t.Context(), &healthpb.HealthCheckRequest{})
	assert.Equal(t, codes.Unauthenticated, status.Code(err), "the first one still answers")
}

// statusHost hears what components report.
type statusHost struct {
	fakeHost
	reported []componentstatus.Status
}

func (h *statusHost) Report(e *componentstatus.Event) { h.reported = append(h.reported, e.Status()) }

func TestAServerThatFailsInADrainEndsNothing(t *testing.T) {
	_, next := collecting()
	b := start(t, testConfig(), next)
	host := &statusHost{}
	b.receiver.failed(host, assert.AnError)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusFatalError}, host.reported)
	b.receiver.leaver.Leave(t.Context(), intake.NotReady)
	b.receiver.failed(host, assert.AnError)
	assert.Len(t, host.reported, 1)
	assert.Equal(t, 1, b.logs.FilterMessage("A server stopped before the drain was over").Len())
}

// watcher is an extension that watches loops, and the one loop that it watches.
type watcher struct {
	fakeHealth
	what        string
	every       time.Duration
	turns, away atomic.Int64
	gone        atomic.Bool
}

func (w *watcher) RegisterLoop(_ component.ID, what string, every time.Duration) (loop heartbeat.Loop, unregister func()) {
	w.what, w.every = what, every
	return w, func() { w.gone.Store(true) }
}

func (w *watcher) Turn() { w.turns.Add(1) }
func (w *watcher) Away() { w.away.Add(1) }

func TestTheReceiversLoopIsWatched(t *testing.T) {
	id := component.MustNewIDWithName("pipeline_health", "watching")
	w := &watcher{fakeHealth: fakeHealth{sources: map[component.ID]engineview.Source{}}}
	cfg := testConfig()
	cfg.HealthExtension = &id
	_, next := collecting()
	b := startWith(t, cfg, next, fakeHost{id: w})
	export(t, b.dial(t), engineMetrics(engineA))
	require.Eventually(t, func() bool { return w.turns.Load() > 1 && w.away.Load() > 0 }, time.Minute, time.Millisecond)
	assert.Equal(t, "engines", w.what)
	assert.Equal(t, cfg.Engines.MetricsInterval, w.every)
	require.NoError(t, b.receiver.Shutdown(t.Context()))
	assert.True(t, w.gone.Load())
}
