// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build netns

package netns

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// The two ends of the cable between the collector's namespace, in which the test
// itself runs, and the engine's.
const (
	near, nearAddress = "near", "10.77.0.1"
	far, farAddress   = "far", "10.77.0.2"
	nobody            = "02:00:00:00:00:99" // no end of the cable has this address
)

// goal is how long the collector may take to notice, see the README of the receiver.
const goal = 20 * time.Second

// command runs a program of the system.
func command(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	require.NoError(t, err, "%s: %s", strings.Join(args, " "), out)
}

// inside is the start of commands that run in the namespace of a process.
type inside []string

func (in inside) command(t *testing.T, args ...string) {
	t.Helper()
	command(t, append(slices.Clip(in), args...)...)
}

// another makes a second namespace, with a cable to the first.
func another(t *testing.T) inside {
	t.Helper()
	holder := run.Start(t, "namespace of the engine", "unshare", []string{"--net", "sh", "-c", "echo $$; exec sleep 600"}, nil)
	run.Eventually(t, "the namespace is there", func() bool { return strings.HasSuffix(holder.Output(), "\n") })
	pid := strings.TrimSpace(holder.Output())
	there := inside{"nsenter", "--target", pid, "--net"}
	command(t, "ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", pid)
	command(t, "ip", "address", "add", nearAddress+"/24", "dev", near)
	command(t, "ip", "link", "set", near, "up")
	command(t, "ip", "link", "set", "lo", "up")
	there.command(t, "ip", "address", "add", farAddress+"/24", "dev", far)
	there.command(t, "ip", "link", "set", far, "up")
	there.command(t, "ip", "link", "set", "lo", "up")
	return there
}

// drop sends all packets, both ways, to an address that nobody has: the kernel at
// the other end drops them, and tells nobody. The links stay up.
func drop(t *testing.T, there inside) {
	t.Helper()
	command(t, "ip", "neighbour", "replace", farAddress, "lladdr", nobody, "nud", "permanent", "dev", near)
	there.command(t, "ip", "neighbour", "replace", nearAddress, "lladdr", nobody, "nud", "permanent", "dev", far)
}

func up(c *run.Collector) float64 {
	series := c.Metrics().Series("eventflux_up", scrape.Labels{"instance": "node-b"})
	if len(series) != 1 {
		return -1
	}
	return scrape.Value(series[0])
}

// No packet says that anything is wrong, and none arrives. The engine runs on.
func TestAnEngineWhosePacketsAreDroppedIsDown(t *testing.T) {
	there := another(t)
	c := run.StartCollector(t, "standalone", map[string]string{"EVENTFLUX_BIND": "0.0.0.0"})
	args := append(slices.Clip(there[1:]), run.Binary(t, "eventflux-engine"),
		"--node", "b", "--instance", "node-b", "--set", "sink="+filepath.Join(t.TempDir(), "alerts.jsonl"))
	engine := run.Start(t, "engine", there[0], args, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": fmt.Sprintf("http://%s:%d", nearAddress, c.GRPC),
		"OTEL_METRIC_EXPORT_INTERVAL": "200",
	})
	run.Eventually(t, "the engine is up", func() bool { return up(c) == 1 })

	drop(t, there)
	since := time.Now()
	run.Eventually(t, "the engine is down", func() bool { return up(c) == 0 })
	took := time.Since(since)
	t.Logf("eventflux_up is 0 after %s", took.Round(10*time.Millisecond))
	assert.LessOrEqual(t, took, goal)
	assert.True(t, engine.Running(), "it is the network that is gone")
}
