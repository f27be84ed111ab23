// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package compose

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

func get(url string) (code int, body string) {
	resp, err := (&http.Client{Timeout: 2 * time.Second}).Get(url)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

func TestOurExtensionInSomebodyElsesCollector(t *testing.T) {
	collector := build(t, "health_manifest.yaml")
	text, err := os.ReadFile("health_config.yaml")
	require.NoError(t, err)
	const lines = "    middlewares:\n      - id: pipeline_health\n"
	require.Contains(t, string(text), lines)

	t.Run("with the two lines", func(t *testing.T) {
		c := newComposed(t, collector, string(text))
		run.Eventually(t, "/health sees that nobody is at the other end", func() bool {
			require.NoError(t, c.sender.Log(t.Context(), "one of some", nil))
			code, body := get(c.health + "/health")
			return code == 200 && strings.Contains(body, `"status":"degraded"`) && strings.Contains(body, "exporter otlp_grpc cannot send to "+c.backend)
		})
		code, _ := get(c.stock)
		assert.Equal(t, 200, code, "the stock extension does not")
		code, body := get(c.health + "/ready")
		assert.Equal(t, 200, code, body)
	})
	t.Run("without them", func(t *testing.T) {
		c := newComposed(t, collector, strings.Replace(string(text), lines, "", 1))
		code, body := get(c.health + "/health")
		assert.Equal(t, 200, code)
		assert.Contains(t, body, `"not_seen":["whether exporter otlp_grpc reaches its backend: add middlewares: [{id: pipeline_health}] to it"]`)
	})
	t.Run("on the port of the stock one", func(t *testing.T) {
		clash := strings.ReplaceAll(strings.ReplaceAll(string(text), "${env:COMPOSED_HEALTH}", "127.0.0.1:13133"), "${env:COMPOSED_HEALTH_CHECK}", "127.0.0.1:13133")
		p, _ := launch(t, collector, clash)
		assert.NotZero(t, p.Wait())
		assert.Regexp(t, `health_check has the same default port|127\.0\.0\.1:13133`, p.Output())
		assert.Contains(t, p.Output(), "pipeline_health")
		assert.Contains(t, p.Output(), "health_check")
	})
}

// composed is a running collector whose backend is not there.
type composed struct {
	sender                 *otlp.Sender
	health, stock, backend string
}

func launch(t *testing.T, collector, config string) (*run.Process, map[string]string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	env := map[string]string{}
	for _, name := range []string{"ENDPOINT", "BACKEND", "HEALTH", "HEALTH_CHECK"} {
		env["COMPOSED_"+name] = fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	}
	return run.Start(t, "composed collector", collector, []string{"--config", path}, env), env
}

func newComposed(t *testing.T, collector, config string) *composed {
	t.Helper()
	p, env := launch(t, collector, config)
	run.Eventually(t, "it runs", func() bool { return strings.Contains(p.Output(), "Everything is ready") })
	return &composed{
		sender: otlp.NewSender(t, env["COMPOSED_ENDPOINT"]), backend: env["COMPOSED_BACKEND"],
		health: "http://" + env["COMPOSED_HEALTH"], stock: "http://" + env["COMPOSED_HEALTH_CHECK"],
	}
}
