// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// assertCalm checks that a program says what is wrong and does not panic.
func assertCalm(t *testing.T, output string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		assert.Contains(t, output, text)
	}
	assert.NotContains(t, output, "goroutine ", "a stack trace")
	assert.NotContains(t, output, "panic", "a panic")
}

func TestAWrongKeyIsNamed(t *testing.T) {
	for _, tt := range []struct{ section, key string }{
		{"receivers: {eventflux: {protocols: {grpc: {endpiont: x}}}}", "endpiont"},
		{"processors: {cardinality_limit: {max_serie_per_metric: 1}}", "max_serie_per_metric"},
		{"extensions: {pipeline_health: {drian: {min: 1s}}}", "drian"},
	} {
		t.Run(tt.key, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			require.NoError(t, os.WriteFile(path, []byte(tt.section+"\n"), 0o600))
			shipped := filepath.Join(run.Root(t), "configs", "standalone.yaml")
			p := run.Start(t, "collector", run.Binary(t, "otelcol-eventflux"), []string{"validate", "--config", shipped, "--config", path}, nil)
			assert.NotZero(t, p.Wait())
			assertCalm(t, p.Output(), tt.key)
		})
	}
}

func TestACollectorPortInUseIsNamed(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = busy.Close() }()
	port := busy.Addr().(*net.TCPAddr).Port
	for name, change := range map[string]func(*run.Collector){
		"protocols::grpc::endpoint": func(c *run.Collector) { c.GRPC = port },
		"protocols::http::endpoint": func(c *run.Collector) { c.HTTP = port },
		"pipeline_health::endpoint": func(c *run.Collector) { c.Health = port },
	} {
		t.Run(name, func(t *testing.T) {
			c := run.NewCollector(t)
			change(c)
			c.Launch("standalone", nil)
			assert.NotZero(t, c.Wait())
			assertCalm(t, c.Output(), name, strconv.Itoa(port), "address already in use")
		})
	}
}

func TestTheEngineOutlivesTheCollector(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	link := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + c.Endpoint(), "OTEL_METRIC_EXPORT_INTERVAL": "200"}
	sink := filepath.Join(t.TempDir(), "alerts.jsonl")
	b := run.Start(t, "node b", run.Binary(t, "eventflux-engine"), []string{"--node", "b", "--listen", link, "--set", "sink=" + sink, "--drain-period", "0"}, env)
	a := run.Start(t, "node a", run.Binary(t, "eventflux-engine"), []string{"--node", "a", "--peers", "b=" + link, "--rate", "2000", "--events", "6000"}, env)
	run.Eventually(t, "the engine is seen", func() bool {
		_, found := c.Metrics().Sum("query_events_processed_total", scrape.Labels{"query_id": "price_alert"})
		return found
	})
	c.Kill()
	assert.Zero(t, a.Wait(), "node a works its input off without a collector")
	assertCalm(t, a.Output(), "could not export", `"events.read":6000`)
	b.Signal(syscall.SIGTERM)
	b.Wait()
	assertCalm(t, b.Output(), "could not export")
}

func TestEnginesWithoutInstanceIDAreTwoSeries(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	for value := range int64(2) {
		sender := otlp.NewSender(t, c.Endpoint())
		require.NoError(t, sender.Gauge(t.Context(), map[string]string{"service.name": "stock-sdk"}, "eventflux.uptime", value))
	}
	assert.Len(t, c.Metrics().Series("eventflux_uptime", scrape.Labels{"job": "stock-sdk"}), 2)
	assert.Equal(t, 2, strings.Count(c.Output(), "sends no service.name or no service.instance.id"))
}

func TestSecretsDoNotReachTheFiles(t *testing.T) {
	secrets := []string{"hunter2", "s3cr3t-t0ken", "AKIAABCDEFGHIJKLMNOP", "MIIEpAIBAAKCAQEA"}
	for _, config := range []string{"standalone", "agent", "gateway"} {
		t.Run(config, func(t *testing.T) {
			c := run.StartCollector(t, config, map[string]string{
				"EVENTFLUX_OTLP_ENDPOINT": "127.0.0.1:1", "EVENTFLUX_GATEWAY": "127.0.0.1:1",
			})
			sender := otlp.NewSender(t, c.Endpoint())
			require.NoError(t, sender.Log(t.Context(), "connected to postgres://admin:hunter2@db/orders", map[string]string{
				"db.password": "hunter2", "http.header": "Bearer s3cr3t-t0ken", "aws": "key AKIAABCDEFGHIJKLMNOP",
				"pem": "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----", "query.id": "kept",
			}))
			path := filepath.Join(c.DataDir, "logs.jsonl")
			run.Eventually(t, "the record is in the file", func() bool {
				raw, err := os.ReadFile(path)
				return err == nil && strings.Contains(string(raw), "kept")
			})
			raw := read(t, path)
			for _, secret := range secrets {
				assert.NotContains(t, raw, secret)
			}
		})
	}
}

func TestHealthAnswersOtherMethodsAndPaths(t *testing.T) {
	c := run.StartCollector(t, "gateway", nil)
	resp, err := http.Post(fmt.Sprintf("http://127.0.0.1:%d/health", c.Health), "application/json", http.NoBody)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	code, body := c.Probe("/status")
	assert.Equal(t, http.StatusNotFound, code)
	assert.Contains(t, body, "/health")
}
