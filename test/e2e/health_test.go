// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

const allWell = `"checks":{"event_pipeline":"ok","state_backend":"ok","query_runtime":"ok"}`

// eventuallyHealth waits until /health answers 200 and so.
func eventuallyHealth(t *testing.T, c *run.Collector, texts ...string) {
	t.Helper()
	run.Eventually(t, "/health says "+strings.Join(texts, ", "), func() bool {
		code, body := c.Probe("/health")
		for _, text := range texts {
			if !strings.Contains(body, text) {
				return false
			}
		}
		return code == http.StatusOK
	})
}

func TestAnEngineWithoutEventsIsHealthy(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	run.NewEngine{Endpoint: c.Endpoint(), A: []string{"--rate", "0.01"}}.Start(t) // the first event is a long way off
	eventuallyHealth(t, c, allWell, `"engines":{"up":2`)
}

// A reader that holds the pipe open and reads nothing makes the query hang in
// the middle of a write: no error, only silence.
func TestAQueryThatHangsIsNamed(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "alerts")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { _ = reader.Close() }()

	c := run.StartCollector(t, "standalone", nil)
	run.NewEngine{
		Endpoint: c.Endpoint(), Sink: pipe,
		A: []string{"--rate", "5000", "--set", "window=50ms"}, B: []string{"--set", "threshold=0.0000001"},
	}.Start(t)
	eventuallyHealth(t, c, allWell)
	eventuallyHealth(t, c, `"status":"degraded"`, `"query_runtime":"degraded"`, `"state_backend":"ok"`,
		"(instance node-b) says that its query_runtime is unhealthy")
}

// The engine scores its own pipeline; below 0.5 is degraded.
func TestAFullBufferDegradesUntilItIsGone(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	control := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	run.NewEngine{Endpoint: c.Endpoint(), A: []string{"--control", control, "--rate", "20000"}}.Start(t)
	eventuallyHealth(t, c, allWell)
	_, problem, code := asked(t, "fault", "full_buffer=100ms", "--control", control)
	require.Zero(t, code, problem)
	eventuallyHealth(t, c, `"status":"degraded"`, `"event_pipeline":"degraded"`, "(instance node-a) says that its event_pipeline is degraded")
	_, problem, code = asked(t, "fault", "full_buffer", "--stop", "--control", control)
	require.Zero(t, code, problem)
	eventuallyHealth(t, c, `"status":"healthy"`, allWell)
}
