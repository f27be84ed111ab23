// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/outage"
	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// What a node says when it hears the first and the second signal.
const (
	announced = `"message":"shutting down"`
	hurried   = "second signal, finishing now"
)

var bothNodes = []string{"node-a", "node-b"}

// leaving is a live engine that is asked to end. It sends to an agent beside it, whose gateway is looked at. The
// turn of its metrics comes once a minute, so that what the gateway shows in between was sent out of turn.
type leaving struct {
	*run.Engine
	gateway, agent *run.Collector
	sink           string
}

// startLeaving starts an engine with the given drain period and waits until results are in its sink.
func startLeaving(t *testing.T, period time.Duration) *leaving {
	t.Helper()
	l := &leaving{sink: filepath.Join(t.TempDir(), "alerts.jsonl")}
	l.gateway = run.StartCollector(t, "gateway", map[string]string{"EVENTFLUX_OTLP_ENDPOINT": "127.0.0.1:1"})
	l.agent = run.StartCollector(t, "agent", map[string]string{"EVENTFLUX_GATEWAY": l.gateway.Endpoint()})
	l.Engine = run.NewEngine{
		Endpoint: l.agent.Endpoint(), Sink: l.sink,
		Both: []string{"--drain-period", period.String(), "--config", writeConfig(t, "[telemetry]\nlevel = \"detail\"\n")},
		A:    []string{"--rate", "1000", "--set", "window=100ms"}, B: []string{"--set", "threshold=0.000001"},
		Env: map[string]string{"OTEL_METRIC_EXPORT_INTERVAL": "60000"},
	}.Start(t)
	run.Eventually(t, "results are in the sink", func() bool { return l.results(t) > 0 })
	return l
}

// results is the number of lines in the sink.
func (l *leaving) results(t *testing.T) int {
	t.Helper()
	return strings.Count(read(t, l.sink), "\n")
}

// signal asks both nodes at about the same time: node b, which must not leave before node a, is the first to know.
func (l *leaving) signal(t *testing.T, heard string) {
	t.Helper()
	l.B.Signal(syscall.SIGTERM)
	run.Eventually(t, "node b hears the signal", func() bool { return strings.Contains(l.B.Output(), heard) })
	l.A.Signal(syscall.SIGTERM)
}

// awaitAnnouncement waits until the gateway knows that both nodes are shutting down. It returns what it knew then.
func (l *leaving) awaitAnnouncement(t *testing.T) (m scrape.Snapshot) {
	t.Helper()
	run.Eventually(t, "both nodes are shutting down", func() bool {
		m = l.gateway.Metrics()
		states, _ := m.Sum("eventflux_health_status", scrape.Labels{
			"eventflux_health_check": "overall", "eventflux_health_state": "shutting_down",
		})
		return states == float64(len(bothNodes))
	})
	return m
}

// assertNothingLost waits for the ends of both nodes and compares everything that was counted on the way from the
// source to the sink: by the nodes themselves, on the gateway's page, and in the sink's file.
func (l *leaving) assertNothingLost(t *testing.T) scrape.Snapshot {
	t.Helper()
	assert.Zero(t, l.A.Wait(), "exit code of node a")
	assert.Zero(t, l.B.Wait(), "exit code of node b")
	totals := map[string]map[string]any{"node-a": outage.Totals(l.A), "node-b": outage.Totals(l.B)}
	var m scrape.Snapshot
	var found []string
	over := false
	exact := run.Within(func() bool {
		m = l.gateway.Metrics()
		if over = sum(m, "eventflux_source_events_received_total", "node-a") == 0; over {
			return true // their series have ended, and found says what was amiss
		}
		found = unequal(t, m, exactly)
		for _, node := range bothNodes {
			compared, differ := outage.Differences(m, node, totals[node])
			require.GreaterOrEqual(t, compared, 10, "counts of %s", node)
			found = append(found, differ...)
		}
		return len(found) == 0
	})
	assert.True(t, exact && !over, "last points: %v", found)
	assert.Equal(t, totals["node-a"]["events.read"], sum(m, "eventflux_source_events_received_total", "node-a"), "events taken from the source")
	assert.Equal(t, totals["node-a"]["events.read"], totals["node-a"]["StockStream.received"], "all of them went on")
	assert.Equal(t, totals["node-a"]["stock_aggregation.emitted"], totals["node-b"]["events.read"], "results over the link")
	assert.Equal(t, totals["node-b"]["price_alert.emitted"], float64(l.results(t)), "lines in the sink")
	return m
}

// sum adds up all series of one node.
func sum(m scrape.Snapshot, name, instance string) float64 {
	n, _ := m.Sum(name, scrape.Labels{"instance": instance})
	return n
}

// assertGoodbye waits for the events that tell an end from a death.
func (l *leaving) assertGoodbye(t *testing.T) {
	t.Helper()
	run.Eventually(t, "both nodes have said goodbye", func() bool {
		logs, err := recorded.Logs(filepath.Join(l.gateway.DataDir, "logs.jsonl"))
		require.NoError(t, err)
		gone := map[string]bool{}
		for _, r := range logs {
			if r.EventName() == "entity.delete" {
				gone[recorded.Text(r.Resource, "service.instance.id")] = true
			}
		}
		return gone["node-a"] && gone["node-b"]
	})
	eventuallyHealth(t, l.gateway, `"engines":{"up":0,"silent":0,"shutdown":2}`)
}

func TestAnEngineThatIsToldToEndSaysSoAndWorksOnForTheDrainPeriod(t *testing.T) {
	const period = 3 * time.Second
	l := startLeaving(t, period)
	asked := time.Now()
	l.signal(t, announced)
	then := l.awaitAnnouncement(t)
	t.Logf("the gateway knew after %s", time.Since(asked).Round(time.Millisecond))
	for _, node := range bothNodes {
		assert.Zero(t, sum(then, "eventflux_health_ready", node), "%s may be given no new work", node)
	}
	assert.True(t, l.A.Running() && l.B.Running(), "the announcement is not the last export")
	for _, node := range bothNodes {
		code, body := l.agent.Probe("/ready?engine=" + node)
		assert.Equal(t, 503, code, body)
		assert.Contains(t, body, "shutting down")
		code, _ = l.agent.Probe("/live?engine=" + node)
		assert.Equal(t, 200, code, "no reason to kill it")
		code, body = l.agent.Probe("/health/engines/" + node)
		assert.Equal(t, 503, code)
		assert.Contains(t, body, `"status":"shutting_down"`)
	}
	code, body := l.agent.Probe("/health")
	assert.Equal(t, 200, code, body)
	results := l.results(t)

	m := l.assertNothingLost(t)
	assert.GreaterOrEqual(t, time.Since(asked), period)
	const taken = "eventflux_source_events_received_total"
	assert.Greater(t, sum(m, taken, "node-a"), sum(then, taken, "node-a"), "events after the signal are counted")
	assert.Greater(t, l.results(t), results, "and have results")
	l.assertGoodbye(t)
}

func TestASecondSignalCutsTheDrainPeriodShortAndLosesNothing(t *testing.T) {
	l := startLeaving(t, time.Hour)
	l.signal(t, announced)
	l.awaitAnnouncement(t)
	l.signal(t, hurried)
	l.assertNothingLost(t)
	l.assertGoodbye(t)
	assertCalm(t, l.A.Output(), hurried)
	assertCalm(t, l.B.Output(), hurried)
}

// The last telemetry is for a collector that takes connections and never answers, which takes seconds to give up.
func TestAThirdSignalEndsTheEngineAtOnce(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = mute.Close() }()
	e := run.NewEngine{Endpoint: mute.Addr().String(), Both: []string{"--drain-period", "1h"}}.Start(t)
	run.Eventually(t, "node a has started", func() bool { return strings.Contains(e.A.Output(), "node a started") })
	for i, heard := range []string{announced, hurried, "third signal, exiting at once"} {
		e.A.Signal(syscall.SIGTERM)
		run.Eventually(t, fmt.Sprintf("signal %d is heard", i+1), func() bool { return strings.Contains(e.A.Output(), heard) })
	}
	assert.Equal(t, 1, e.A.Wait())
	assert.NotContains(t, e.A.Output(), "the last telemetry was not delivered", "nothing was waited for")
}
