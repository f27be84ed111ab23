// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// demoEnv puts `make run` on ports of its own.
func demoEnv(c *run.Collector, link int) map[string]string {
	return map[string]string{
		"EVENTFLUX_GRPC_PORT":       strconv.Itoa(c.GRPC),
		"EVENTFLUX_HTTP_PORT":       strconv.Itoa(c.HTTP),
		"EVENTFLUX_PROMETHEUS_PORT": strconv.Itoa(c.Prometheus),
		"EVENTFLUX_HEALTH_PORT":     strconv.Itoa(c.Health),
		"EVENTFLUX_SELF_PORT":       strconv.Itoa(c.Self),
		"EVENTFLUX_LINK_PORT":       strconv.Itoa(link),
		"EVENTFLUX_DATA_DIR":        c.DataDir,
	}
}

// startDemo runs what `make run` runs, from the root of the repository.
func startDemo(t *testing.T, env map[string]string) *run.Process {
	t.Helper()
	script := filepath.Join(run.Root(t), "scripts", "run-demo.sh")
	return run.Start(t, "make run", "bash", []string{"-c", fmt.Sprintf("cd %q && exec %q", run.Root(t), script)}, env)
}

func TestMakeRunShowsLiveMetricsAndStopsCleanly(t *testing.T) {
	c, link := run.NewCollector(t), run.FreePort(t)
	demo := startDemo(t, demoEnv(c, link))
	run.Eventually(t, "all 20 names are live, and the host's", func() bool {
		if code, _ := c.Probe("/ready"); code != 200 {
			return false
		}
		if code, _, _ := c.Page(""); code != 200 {
			return false
		}
		m := c.Metrics()
		for name := range labels {
			if len(m.Series(name, nil)) == 0 {
				return false
			}
		}
		return len(m.Series("system_memory_usage_bytes", nil)) > 0 && len(m.Series("process_open_file_descriptors", nil)) > 0
	})
	assert.Contains(t, demo.Output(), fmt.Sprintf("curl -s localhost:%d/metrics", c.Prometheus))
	code, body := c.Probe("/health")
	assert.Equal(t, 200, code, body)

	demo.Signal(syscall.SIGINT)
	assert.Zero(t, demo.Wait())
	for _, port := range []int{c.GRPC, c.Prometheus, c.Health, link} {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		require.NoError(t, err, "something still listens")
		require.NoError(t, ln.Close())
	}
	for _, node := range []string{"node-a", "node-b"} {
		log, err := os.ReadFile(filepath.Join(c.DataDir, node+".log"))
		require.NoError(t, err)
		assertCalm(t, string(log), "totals at the end of the input")
	}
}

func TestMakeRunNamesThePortInUseAndItsVariable(t *testing.T) {
	c := run.NewCollector(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = busy.Close() }()
	c.Prometheus = busy.Addr().(*net.TCPAddr).Port
	demo := startDemo(t, demoEnv(c, run.FreePort(t)))
	assert.NotZero(t, demo.Wait())
	assertCalm(t, demo.Output(), fmt.Sprintf("port %d", c.Prometheus), "EVENTFLUX_PROMETHEUS_PORT=PORT make run")
}
