// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// What the queries of a node are said to cost adds up to what the node costs.
func TestTheCostOfQueriesIsTheCostOfTheEngine(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	run.NewEngine{
		Endpoint: c.Endpoint(), Both: []string{"--set", "extra=S[25-5000]", "--config", writeConfig(t, "[service]\ntenant = \"acme\"\n")},
		A: []string{"--rate", "20000", "--set", "window=100ms"}, B: []string{"--set", "sliding=20"},
	}.Start(t)
	nodes := []string{"node-a", "node-b"}
	run.Eventually(t, "both nodes have used CPU for their queries", func() bool {
		m := c.Metrics()
		for _, node := range nodes {
			if n, _ := m.Sum("eventflux_query_cpu_time_seconds_total", scrape.Labels{"instance": node}); n == 0 {
				return false
			}
		}
		return true
	})
	before := c.Metrics()
	time.Sleep(10 * time.Second) // the interval that is measured
	after := c.Metrics()
	for _, node := range nodes {
		t.Run(node, func(t *testing.T) {
			assertCPU(t, before, after, node)
			assertMemory(t, c, node)
		})
	}
	tenants, _ := c.Metrics().Sum("target_info", scrape.Labels{"eventflux_tenant": "acme"})
	assert.Equal(t, 2.0, tenants, "each node says on whose account it runs")
}

func assertCPU(t *testing.T, before, after scrape.Snapshot, node string) {
	t.Helper()
	grown := func(name string) float64 {
		was, _ := before.Sum(name, scrape.Labels{"instance": node})
		is, _ := after.Sum(name, scrape.Labels{"instance": node})
		return is - was
	}
	process, queries := grown("process_cpu_time_seconds_total"), grown("eventflux_query_cpu_time_seconds_total")
	t.Logf("CPU of the process %.3f s, of its queries %.3f s", process, queries)
	assert.Positive(t, process)
	assert.InEpsilon(t, process, queries, 0.1)
}

// assertMemory compares with the engine's own accounting. Both are read in one
// export, but not in one instant, so a batch on its way may be seen by one only.
func assertMemory(t *testing.T, c *run.Collector, node string) {
	t.Helper()
	m := c.Metrics()
	var work float64
	for _, component := range []string{"event_pipeline", "windows", "patterns", "aggregations"} {
		n, _ := m.Sum("eventflux_memory_usage_bytes", scrape.Labels{"instance": node, "component": component})
		work += n
	}
	state, _ := m.Sum("eventflux_query_state_size_bytes", scrape.Labels{"instance": node})
	buffer, _ := m.Sum("eventflux_query_buffer_size_bytes", scrape.Labels{"instance": node})
	t.Logf("memory for work %.0f bytes, state %.0f, buffers %.0f", work, state, buffer)
	assert.Greater(t, work, 100e3, "enough to compare")
	assert.InEpsilon(t, work, state+buffer, 0.1)
}
