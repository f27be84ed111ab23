// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// asked runs the engine's own client and returns what it prints and its exit code.
func asked(t *testing.T, args ...string) (out, problem string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.Command(run.Binary(t, "eventflux-engine"), args...)
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	return stdout.String(), stderr.String(), c.ProcessState.ExitCode()
}

func TestARunningEngineAnswersQuestionsAndTakesFaults(t *testing.T) {
	control := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	engine := alone(t, "--control", control, "--set", "window=100ms", "--set", "sink="+filepath.Join(t.TempDir(), "alerts.jsonl"))
	rows := func(path string) (found []map[string]any) {
		out, problem, code := asked(t, "query", path, "--control", control)
		require.Zero(t, code, problem)
		require.NoError(t, json.Unmarshal([]byte(out), &found))
		return found
	}
	run.Eventually(t, "the engine listens", func() bool { return strings.Contains(engine.Output(), "control endpoint listens") })
	run.Eventually(t, "prices are in the table", func() bool { return len(rows("/tables/latest")) > 0 })
	run.Eventually(t, "a second is summed up", func() bool { return len(rows("/aggregations/averages?per=1s&group=MSFT")) > 1 })
	energy := rows("/tables/symbols?where=sector=='Energy'")
	assert.Len(t, energy, 2)
	assert.Empty(t, rows("/tables/symbols?where=sector=='Nonsense'"))

	_, problem, code := asked(t, "query", "/tables/nope", "--control", control)
	assert.Equal(t, 2, code)
	assert.Contains(t, problem, `table "nope" is not found; there are latest, symbols`)
	_, problem, _ = asked(t, "query", "/tables/latest?where=price", "--control", control)
	assert.Contains(t, problem, "price")

	out, problem, code := asked(t, "fault", "full_buffer=1ms", "--for", "1h", "--control", control)
	require.Zero(t, code, problem)
	assert.Contains(t, out, "full_buffer")
	run.Eventually(t, "the log says so", func() bool { return strings.Contains(engine.Output(), `"message":"fault begins"`) })
	out, problem, code = asked(t, "fault", "full_buffer", "--stop", "--control", control)
	require.Zero(t, code, problem)
	assert.NotContains(t, out, "full_buffer")
	_, problem, code = asked(t, "fault", "gremlins", "--control", control)
	assert.Equal(t, 2, code)
	assert.Contains(t, problem, "slow_sink")
	assert.Zero(t, engine.Stop())
}
