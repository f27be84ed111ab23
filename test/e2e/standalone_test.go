// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package e2e drives the built binaries from outside.
package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// labels holds the 20 names of the requirements with their label sets, apart
// from Prometheus' own job, instance and le.
var labels = map[string]string{
	"query_events_processed_total":     "query_id stream_name",
	"query_events_emitted_total":       "output_stream query_id",
	"query_latency_seconds":            "query_id",
	"query_execution_errors_total":     "error_type query_id",
	"query_active_count":               "",
	"query_window_size_bytes":          "query_id window_type",
	"query_buffer_utilization":         "query_id",
	"stream_events_received_total":     "stream_name",
	"stream_events_sent_total":         "stream_name",
	"stream_subscribers_active":        "stream_name",
	"stream_backpressure_events_total": "stream_name",
	"stream_buffer_size_bytes":         "stream_name",
	"stream_oldest_event_age_seconds":  "stream_name",
	"eventflux_uptime_seconds":         "",
	"eventflux_memory_usage_bytes":     "component",
	"eventflux_cpu_usage_percent":      "",
	"eventflux_threads_active":         "",
	"connections_active":               "protocol",
	"connections_total":                "protocol result",
	"connection_errors_total":          "error_type protocol",
}

func TestReplayThroughBothNodes(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	d := replay(t, c, c, c)

	t.Run("all names have exactly their labels", func(t *testing.T) { assertLabels(t, d.metrics) })
	t.Run("counts are those of the file", func(t *testing.T) { d.assertCounts(t) })
	t.Run("the page is clean and speaks both formats", func(t *testing.T) { assertPage(t, c) })
	t.Run("one trace joins both nodes", func(t *testing.T) { assertTrace(t, filepath.Join(c.DataDir, "traces.jsonl")) })
	t.Run("a window closed by a timer links what filled it", func(t *testing.T) {
		assertTimerLinks(t, filepath.Join(c.DataDir, "traces.jsonl"))
	})
	t.Run("logs carry query and trace", func(t *testing.T) { assertLogs(t, filepath.Join(c.DataDir, "logs.jsonl")) })
	t.Run("every signal says who sent it", func(t *testing.T) { assertResources(t, c.DataDir) })
	t.Run("both nodes meet the conventions", func(t *testing.T) { assertContract(t, c) })
	t.Run("health follows the engines", func(t *testing.T) {
		var code int
		var body string
		run.Eventually(t, "all is well: the replay is over", func() bool {
			code, body = c.Probe("/health")
			return code == 200 && strings.Contains(body, `"status":"healthy"`)
		})
		assert.Contains(t, body, `"checks":{"event_pipeline":"ok","state_backend":"ok","query_runtime":"ok"}`)
		assert.Contains(t, body, `"queries_running":12`)
		own := c.SelfMetrics()
		up, _ := own.Sum("otelcol_receiver_eventflux_engines", scrape.Labels{"state": "up"})
		assert.Equal(t, 2.0, up, "the collector's own metrics say so too")
		healthy, _ := own.Sum("otelcol_pipeline_health_status", scrape.Labels{"status": "healthy"})
		assert.Equal(t, 1.0, healthy)

		assert.Zero(t, d.a.Stop(), "node a ends cleanly")
		d.b.Kill()
		run.Eventually(t, "the killed engine is named", func() bool {
			code, body = c.Probe("/health")
			return code == 503
		})
		assert.Contains(t, body, "instance node-b")
		assert.NotContains(t, body, "instance node-a", "a goodbye is no alarm")
		code, _ = c.Probe("/ready")
		assert.Equal(t, 200, code, "a dead engine does not un-ready the collector")
	})
	t.Run("the collector drains", func(t *testing.T) {
		c.Signal(syscall.SIGTERM)
		run.Eventually(t, "/ready drops", func() bool {
			code, _ := c.Probe("/ready")
			return code == 503
		})
		code, _ := c.Probe("/live")
		assert.Equal(t, 200, code)
		code, body := c.Probe("/health")
		assert.Equal(t, 503, code)
		assert.Contains(t, body, `"status":"shutting_down"`)
		assert.NotEmpty(t, c.Metrics(), "still serving")
		assert.Zero(t, c.Wait(), "the collector ends cleanly")
	})
}
