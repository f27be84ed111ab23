// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

var doorkeeperID = component.MustNewID("doorkeeper")

// doorkeeper lets those in who know the word.
type doorkeeper struct {
	component.StartFunc
	component.ShutdownFunc
}

func (doorkeeper) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	if slices.Contains(sources["Authorization"], "Bearer open") {
		return ctx, nil
	}
	return ctx, errors.New("not known")
}

type hostOf map[component.ID]component.Component

func (h hostOf) GetExtensions() map[component.ID]component.Component { return h }

func TestWithAuthDetailsAreForThoseWhoAreLetIn(t *testing.T) {
	cfg := newDefaultConfig().(*Config)
	cfg.Server.NetAddr.Endpoint = "127.0.0.1:0"
	cfg.Server.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: doorkeeperID}})
	e := newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, e.Start(t.Context(), hostOf{doorkeeperID: doorkeeper{}}))
	defer func() { assert.NoError(t, e.Shutdown(context.Background())) }()
	require.NoError(t, e.Ready())
	e.RegisterEngines(component.MustNewID("eventflux"), &fakeSource{{Name: "engine", InstanceID: "secret", State: engineview.StateSilent}})

	get := func(path, word string) (code int, body string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+e.addr.String()+path, http.NoBody)
		require.NoError(t, err)
		if word != "" {
			req.Header.Set("Authorization", "Bearer "+word)
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		var text strings.Builder
		require.NoError(t, resp.Write(&text))
		return resp.StatusCode, text.String()
	}
	for _, tt := range []struct {
		path, word string
		code       int
		detail     bool
	}{
		{"/live", "", 200, false},
		{"/ready", "", 200, false},
		{"/health", "", 503, false},
		{"/health?verbose", "", 401, false},
		{"/health?verbose", "wrong", 401, false},
		{"/health?verbose", "open", 503, true},
		{"/engines", "", 401, false},
		{"/engines", "open", 200, true},
		{"/nowhere", "", 401, false},
	} {
		code, body := get(tt.path, tt.word)
		assert.Equal(t, tt.code, code, tt.path+" "+tt.word)
		assert.Equal(t, tt.detail, strings.Contains(body, "secret"), tt.path+" "+tt.word)
	}
	conn, err := grpc.NewClient(e.addr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	checked, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err)
	assert.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, checked.GetStatus())
}

func TestVerboseShowsWhatIsWellToo(t *testing.T) {
	e := start(t)
	require.NoError(t, e.Ready())
	e.outbound.Succeeded(e.outbound.Begin("http://backend:4318", time.Now()), time.Now())
	_, body := e.ask(t, http.MethodGet, "/health?verbose")
	assert.Contains(t, body, `"seen":{"destinations":[{"address":"backend:4318","ok":true}],"queues":[]}`)
	_, body = e.ask(t, http.MethodGet, "/health?exclude=event_pipeline")
	assert.Contains(t, body, `"excluded":["event_pipeline"]`)
}

func TestNotReadyWhileMemoryIsShort(t *testing.T) {
	e := start(t)
	require.NoError(t, e.Ready())
	id := componentstatus.NewInstanceID(component.MustNewID("memory_limiter"), component.KindProcessor)
	e.ComponentStatusChanged(id, componentstatus.NewRecoverableErrorEvent(assert.AnError))
	resp, body := e.ask(t, http.MethodGet, "/ready")
	assert.Equal(t, 503, resp.StatusCode)
	assert.JSONEq(t, `{"status":"not_ready","reason":"processor memory_limiter refuses data: memory is short"}`, body)
	e.ComponentStatusChanged(id, componentstatus.NewEvent(componentstatus.StatusOK))
	resp, _ = e.ask(t, http.MethodGet, "/ready")
	assert.Equal(t, 200, resp.StatusCode)
}

func TestReadyTakesWhatIsRequired(t *testing.T) {
	e, _ := quiet(0)
	e.cfg.Ready.Require = []string{"event_pipeline"}
	require.NoError(t, e.Ready())
	defer e.terminal.close()
	assert.True(t, e.readiness().Ready)
	id := componentstatus.NewInstanceID(component.MustNewID("kafka"), component.KindExporter)
	e.ComponentStatusChanged(id, componentstatus.NewRecoverableErrorEvent(assert.AnError))
	assert.Equal(t, "event_pipeline is degraded", e.readiness().Reason)

	e.cfg.Ready.Require = []string{"disk"}
	require.ErrorContains(t, e.cfg.Ready.Validate(), `require must be names of checks (event_pipeline, state_backend, query_runtime), got "disk"`)
}

func TestALoopThatHangsIsToldByLive(t *testing.T) {
	e, _ := quiet(0)
	loop, _ := e.RegisterLoop(component.MustNewID("eventflux"), "engines", time.Second)
	now := time.Now()
	live := func() (code int, body string) {
		w := httptest.NewRecorder()
		e.face().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/live", http.NoBody))
		checked, err := e.grpc.health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: grpcLive})
		require.NoError(t, err)
		assert.Equal(t, w.Code == 200, checked.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING)
		return w.Code, w.Body.String()
	}
	for range 70 {
		now = now.Add(time.Second)
		e.lookAtLoops(now)
	}
	code, body := live()
	assert.Equal(t, 503, code)
	assert.Contains(t, body, "engines of eventflux")
	loop.Turn()
	e.lookAtLoops(now)
	code, _ = live()
	assert.Equal(t, 200, code)
}

// Connections that say nothing do not keep a prober out, nor do they pile up.
func TestManyIdleConnections(t *testing.T) {
	e := start(t)
	require.NoError(t, e.Ready())
	const many = maxConnections + 500
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}()
	for range many {
		c, err := net.Dial("tcp", e.addr.String())
		require.NoError(t, err)
		idle = append(idle, c)
	}
	resp, _ := e.ask(t, http.MethodGet, "/live")
	assert.Equal(t, 200, resp.StatusCode)
	closed := 0
	for _, c := range idle[:400] {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
		if _, err := c.Read(make([]byte, 1)); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			closed++
		}
	}
	assert.Equal(t, 400, closed, "the oldest went")
	_, err := fmt.Fprintf(idle[many-1], "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	answer := make([]byte, 12)
	_, err = idle[many-1].Read(answer)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 200", string(answer))
}

func TestAHeaderOfAMegabyteIsRefused(t *testing.T) {
	e := start(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+e.addr.String()+"/live", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("X-Large", strings.Repeat("x", 1<<20))
	resp, err := http.DefaultClient.Do(req)
	if err == nil { // else it was cut off
		defer func() { _ = resp.Body.Close() }()
		assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, resp.StatusCode)
	}
}
