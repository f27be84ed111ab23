// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// launchRefusing starts a collector for logs with this memory limit, whose queue has room for two requests.
func launchRefusing(t *testing.T, limitMiB int, backend string) *run.Collector {
	t.Helper()
	c := run.NewCollector(t)
	config := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
receivers: {otlp: {protocols: {grpc: {endpoint: '127.0.0.1:${env:EVENTFLUX_GRPC_PORT}'}}}}
processors: {memory_limiter: {check_interval: 100ms, limit_mib: %d}}
exporters: {otlp_grpc: {endpoint: '%s', tls: {insecure: true}, sending_queue: {queue_size: 2, num_consumers: 1}}}
extensions: {pipeline_health: {endpoint: '127.0.0.1:${env:EVENTFLUX_HEALTH_PORT}', drain: {min: 0s, max: 0s}}}
service:
  extensions: [pipeline_health]
  telemetry: {metrics: {level: none}}
  pipelines: {logs: {receivers: [otlp], processors: [memory_limiter], exporters: [otlp_grpc]}}
`, limitMiB, backend), 0o600))
	c.LaunchFile(config, nil)
	return c
}

func TestACollectorWithoutMemoryIsNotReady(t *testing.T) {
	t.Parallel()
	c := launchRefusing(t, 5, "127.0.0.1:1") // less than it needs with nothing to do
	run.Eventually(t, "/ready says why not", func() bool {
		code, body := c.Probe("/ready")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "processor memory_limiter of pipeline logs refuses data")
	})
	code, body := c.Probe("/live")
	assert.Equal(t, http.StatusOK, code, body)
	require.Error(t, otlp.NewSender(t, c.Endpoint()).Log(t.Context(), "refused", nil))
}

func TestDataThatIsRefusedDegrades(t *testing.T) {
	t.Parallel()
	c := launchRefusing(t, 4096, fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)))
	c.WaitReady()
	sender := otlp.NewSender(t, c.Endpoint())
	refused := 0
	for range 10 {
		if sender.Log(t.Context(), "one of many", nil) != nil {
			refused++
		}
	}
	require.Positive(t, refused)
	eventuallyHealth(t, c, `"status":"degraded"`, `receiver otlp refused`, `the sending queue of exporter otlp_grpc had no room for`)
	code, _ := c.Probe("/ready")
	assert.Equal(t, http.StatusOK, code)
	_, body := c.Probe("/health?verbose&exclude=event_pipeline")
	assert.Contains(t, body, `"status":"healthy"`)
	assert.Contains(t, body, `"queues":[{"exporter":"otlp_grpc","signal":"logs","size":`)
}
