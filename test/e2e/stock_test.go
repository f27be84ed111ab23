// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// asks makes a request as a prober does, and returns code 0 when nobody answers.
func asks(t *testing.T, method string, port int, path, host string) (code int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), http.NoBody)
	require.NoError(t, err)
	if host != "" {
		r.Host = host
	}
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

// The stock health_check runs beside ours, so that what is wrong with it shows, and that it
// is not so here.
func TestWhatTheStockExtensionGetsWrong(t *testing.T) {
	t.Parallel()
	c, stock := run.NewCollector(t), run.FreePort(t)
	backend := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	config := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
receivers: {otlp: {protocols: {grpc: {endpoint: '127.0.0.1:${env:EVENTFLUX_GRPC_PORT}'}}}}
exporters: {otlp_grpc: {endpoint: '%s', tls: {insecure: true}}}
extensions:
  pipeline_health: {endpoint: '127.0.0.1:${env:EVENTFLUX_HEALTH_PORT}', drain: {min: 3s, max: 3s}}
  health_check: {endpoint: '127.0.0.1:%d', check_collector_pipeline: {enabled: true, interval: 1s, exporter_failure_threshold: 1}}
service:
  extensions: [health_check, pipeline_health]
  telemetry: {metrics: {level: none}}
  pipelines: {logs: {receivers: [otlp], exporters: [otlp_grpc]}}
`, backend, stock), 0o600))
	c.LaunchFile(config, nil)
	c.WaitReady()
	stalled := stall(t, stock)
	ours := stall(t, c.Health)

	t.Run("it does not see that the backend is dead", func(t *testing.T) {
		traffic(t, otlp.NewSender(t, c.Endpoint()))
		eventuallyHealth(t, c, `"status":"degraded"`, "exporter otlp_grpc cannot send to "+backend)
		code, _ := asks(t, http.MethodGet, stock, "/", "")
		assert.Equal(t, 200, code)
	})
	t.Run("it takes every method", func(t *testing.T) {
		code, _ := asks(t, http.MethodPost, stock, "/", "")
		assert.Equal(t, 200, code)
		code, _ = asks(t, http.MethodPost, c.Health, "/health", "")
		assert.Equal(t, 405, code)
	})
	t.Run("it answers every page in a browser", func(t *testing.T) {
		code, _ := asks(t, http.MethodGet, stock, "/", "evil.example")
		assert.Equal(t, 200, code)
		code, _ = asks(t, http.MethodGet, c.Health, "/health", "evil.example")
		assert.Equal(t, 421, code)
	})
	t.Run("it waits for ever for a header", func(t *testing.T) {
		assert.NoError(t, ended(ours, time.Minute))
		assert.ErrorIs(t, ended(stalled, time.Second), os.ErrDeadlineExceeded)
	})
	t.Run("it has one answer to two questions", func(t *testing.T) {
		c.Signal(syscall.SIGTERM)
		run.Eventually(t, "this one is not ready", func() bool {
			code, _ := asks(t, http.MethodGet, c.Health, "/ready", "")
			return code == 503
		})
		code, _ := asks(t, http.MethodGet, c.Health, "/live", "")
		assert.Equal(t, 200, code, "and lives")
		// Which mistake it makes is up to the order of extensions, which is random.
		code, _ = asks(t, http.MethodGet, stock, "/", "")
		t.Logf("the stock one says %d: %s", code, map[int]string{
			200: "requests are sent where nobody will be", 503: "a supervisor kills what drains",
		}[code])
		code, text := asks(t, http.MethodGet, c.Health, "/health", "")
		assert.Equal(t, 503, code)
		assert.NotContains(t, text, `"uptime_seconds":0,`)
		require.NoError(t, otlp.NewSender(t, c.Endpoint()).Log(context.Background(), "accepted all the same", nil))
	})
	require.Zero(t, c.Wait())
}

// stall opens a connection that never sends the end of its header.
func stall(t *testing.T, port int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n")
	require.NoError(t, err)
	return conn
}

// ended waits until the other end closes a connection.
func ended(conn net.Conn, patience time.Duration) error {
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, conn)
	if errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return err
}
