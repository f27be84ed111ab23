// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// up returns the value of eventflux_up of an engine, and -1 where there is not
// exactly one.
func up(m scrape.Snapshot, instance string) float64 {
	series := m.Series("eventflux_up", scrape.Labels{"instance": instance})
	if len(series) != 1 {
		return -1
	}
	return scrape.Value(series[0])
}

// ofEngine returns the names of series that an engine has, but for those that the
// collector makes.
func ofEngine(m scrape.Snapshot, instance string) []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(m)), func(name string) bool {
		return name == "eventflux_up" || name == "target_info" || strings.HasPrefix(name, "eventflux_engine_") ||
			len(m.Series(name, scrape.Labels{"instance": instance})) == 0
	})
	return names
}

// waitUp waits for a value and logs how long that took.
func waitUp(t *testing.T, c *run.Collector, instance string, want float64) {
	t.Helper()
	since := time.Now()
	run.Eventually(t, fmt.Sprintf("eventflux_up of %s is %v", instance, want), func() bool {
		m := c.Metrics()
		assert.LessOrEqual(t, len(m.Series("eventflux_up", scrape.Labels{"instance": instance})), 1)
		return up(m, instance) == want
	})
	t.Logf("eventflux_up{instance=%q} is %v after %s", instance, want, time.Since(since).Round(10*time.Millisecond))
}

// live starts two nodes that run until they are stopped.
func live(t *testing.T, endpoint string) *run.Engine {
	t.Helper()
	return run.NewEngine{Endpoint: endpoint, A: []string{"--rate", "20"}}.Start(t)
}

func TestAKilledEngineIsDownWithinSeconds(t *testing.T) {
	t.Parallel()
	c := run.StartCollector(t, "standalone", nil)
	e := live(t, c.Endpoint())
	waitUp(t, c, "node-a", 1)
	waitUp(t, c, "node-b", 1)
	m := c.Metrics()
	for name, want := range map[string]float64{"eventflux_engine_restarts_total": 0, "eventflux_engine_last_seen_age_seconds": 0} {
		got := m.Series(name, scrape.Labels{"instance": "node-a"})
		require.Len(t, got, 1, name)
		assert.InDelta(t, want, scrape.Value(got[0]), 10, name)
	}
	assert.Len(t, m.Series("eventflux_engine_clock_skew_seconds", scrape.Labels{"instance": "node-a"}), 1)
	assert.Len(t, m.Series("target_info", scrape.Labels{"instance": "node-a"}), 1, "one description of each engine")

	code, body := c.Probe("/health/engines/node-a")
	assert.Equal(t, 200, code, body)
	assert.Regexp(t, `"uptime_seconds":\d+,"queries_running":5,"streams_active":\d+,"memory_usage_mb":[1-9]`, body)
	code, _ = c.Probe("/ready?engine=node-a")
	assert.Equal(t, 200, code)

	e.A.Kill()
	waitUp(t, c, "node-a", 0)
	for path, want := range map[string]int{
		"/live?engine=node-a": 503, "/ready?engine=node-a": 503, "/health/engines/node-a": 503,
		"/live?engine=node-b": 200, "/ready?engine=node-b": 200, "/live?engine=stranger": 200, "/live": 200, "/health": 200,
	} {
		code, body = c.Probe(path)
		assert.Equal(t, want, code, "%s: %s", path, body)
	}
	m = c.Metrics()
	assert.Equal(t, 1.0, up(m, "node-b"))
	state, _ := m.Sum("eventflux_engine_state", scrape.Labels{"instance": "node-a", "eventflux_engine_state": "silent"})
	assert.Equal(t, 1.0, state)

	since := time.Now()
	var left []string
	gone := run.Within(func() bool {
		left = ofEngine(c.Metrics(), "node-a")
		return len(left) == 0
	})
	require.True(t, gone, "what the dead node last said is still there: %v", left)
	t.Logf("its own series are gone after %s", time.Since(since).Round(10*time.Millisecond))
	assert.NotEmpty(t, ofEngine(c.Metrics(), "node-b"), "the other node has its series")

	require.Zero(t, e.B.Stop())
	waitUp(t, c, "node-b", 0)
	state, _ = c.Metrics().Sum("eventflux_engine_state", scrape.Labels{"instance": "node-b", "eventflux_engine_state": "shutdown"})
	assert.Equal(t, 1.0, state, "a node that says goodbye is no alarm")
}

// Each node sends to an agent of its own, which holds its connection and decides
// its state. At every look, each engine has one eventflux_up at most.
func TestAgentsDecideWhatTheGatewayShows(t *testing.T) {
	env := map[string]string{"EVENTFLUX_OTLP_ENDPOINT": "127.0.0.1:1"}
	gateway := run.NewCollector(t)
	gateway.Launch("gateway", env)
	gateway.WaitReady()
	agent := func(host string) *run.Collector {
		return run.StartCollector(t, "agent", map[string]string{"EVENTFLUX_GATEWAY": gateway.Endpoint(), "EVENTFLUX_HOST": host})
	}
	agents := map[string]*run.Collector{"node-a": agent("host-a"), "node-b": agent("host-b")}
	e := run.NewEngine{
		A:    []string{"--rate", "20"},
		EnvA: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + agents["node-a"].Endpoint()},
		EnvB: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + agents["node-b"].Endpoint()},
	}.Start(t)
	agentUp := func(host string) func() bool {
		return func() bool {
			v, found := gateway.Metrics().Sum("eventflux_agent_up", scrape.Labels{"instance": host})
			return found && v == 1
		}
	}
	waitUp(t, gateway, "node-a", 1)
	waitUp(t, gateway, "node-b", 1)
	run.Eventually(t, "the gateway knows the agents", func() bool { return agentUp("host-a")() && agentUp("host-b")() })
	_, body := gateway.Probe("/health")
	assert.Contains(t, body, `"engines":{"up":2,"silent":0,"shutdown":0}`, "agents are no engines")

	t.Run("an engine is killed", func(t *testing.T) {
		e.A.Kill()
		waitUp(t, gateway, "node-a", 0)
		assert.Equal(t, 1.0, up(gateway.Metrics(), "node-b"))
	})
	t.Run("the gateway restarts", func(t *testing.T) {
		require.Zero(t, gateway.Stop())
		gateway.Launch("gateway", env)
		gateway.WaitReady()
		waitUp(t, gateway, "node-b", 1)
		waitUp(t, gateway, "node-a", 0)
	})
	t.Run("an agent is killed", func(t *testing.T) {
		run.Eventually(t, "the gateway knows the agent again", agentUp("host-b"))
		since := time.Now()
		agents["node-b"].Kill()
		run.Eventually(t, "the agent is down", func() bool {
			v, found := gateway.Metrics().Sum("eventflux_agent_up", scrape.Labels{"instance": "host-b"})
			return found && v == 0
		})
		t.Logf("eventflux_agent_up is 0 after %s", time.Since(since).Round(10*time.Millisecond))
		waitUp(t, gateway, "node-b", 0)
		assert.True(t, agentUp("host-a")(), "the other agent is up")
	})
	assert.NotContains(t, gateway.Output(), "was collected before", "no series came twice")
}
