// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// Each node sends to an agent of its own, both agents to one gateway, and what
// is asked of the gateway is what is asked of a collector that stands alone.
func TestReplayThroughAgentsAndGateway(t *testing.T) {
	gateway := run.StartCollector(t, "gateway", map[string]string{
		"EVENTFLUX_OTLP_ENDPOINT": "127.0.0.1:1", // no backend: what is for it waits on disk
	})
	agent := func(host string) *run.Collector {
		return run.StartCollector(t, "agent", map[string]string{
			"EVENTFLUX_GATEWAY": gateway.Endpoint(), "EVENTFLUX_HOST": host,
		})
	}
	d := replay(t, gateway, agent("host-a"), agent("host-b"))

	t.Run("all names have exactly their labels", func(t *testing.T) { assertLabels(t, d.metrics) })
	t.Run("counts are those of the file", func(t *testing.T) { d.assertCounts(t) })
	t.Run("the page is clean and speaks both formats", func(t *testing.T) { assertPage(t, gateway) })
	t.Run("one trace joins both nodes", func(t *testing.T) { assertTrace(t, filepath.Join(gateway.DataDir, "traces.jsonl")) })
	t.Run("logs carry query and trace", func(t *testing.T) { assertLogs(t, filepath.Join(gateway.DataDir, "logs.jsonl")) })
	t.Run("the hosts of both agents stay apart", func(t *testing.T) {
		run.Eventually(t, "both hosts report", func() bool {
			m := gateway.Metrics()
			a := m.Series("system_cpu_time_seconds_total", scrape.Labels{"job": "host", "instance": "host-a"})
			b := m.Series("system_cpu_time_seconds_total", scrape.Labels{"job": "host", "instance": "host-b"})
			return len(a) > 0 && len(b) > 0
		})
	})
	t.Run("the gateway knows the engines, and agents are none", func(t *testing.T) {
		_, body := gateway.Probe("/health")
		assert.Contains(t, body, `"queries_running":12`)
		assert.Contains(t, body, `"engines":{"up":2,"silent":0,"shutdown":0}`)
	})
}
