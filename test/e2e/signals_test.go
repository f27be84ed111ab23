// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// assertPage checks /metrics as such: both content types, exemplars in the one
// that has them, and Prometheus' own lint on the engines' names.
func assertPage(t *testing.T, c *run.Collector) {
	t.Helper()
	code, kind, plain := c.Page("")
	assert.Equal(t, http.StatusOK, code)
	assert.True(t, strings.HasPrefix(kind, "text/plain"), kind)

	_, kind, open := c.Page("application/openmetrics-text; version=1.0.0")
	assert.True(t, strings.HasPrefix(kind, "application/openmetrics-text"), kind)
	assert.Regexp(t, `query_latency_seconds_bucket\{[^}]*\} \S+ # \{[^}]*trace_id="[0-9a-f]{32}"`, open)

	problems, err := promlint.New(strings.NewReader(plain)).Lint()
	require.NoError(t, err)
	for _, p := range problems {
		ours := slices.ContainsFunc([]string{"query_", "stream_", "eventflux_", "connection"},
			func(prefix string) bool { return strings.HasPrefix(p.Metric, prefix) })
		if ours && p.Metric != "query_active_count" { // whose name the requirements fix
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// assertLogs looks for a record of each node that points at a recorded trace.
func assertLogs(t *testing.T, path string) {
	t.Helper()
	byTrace := traces(t, filepath.Join(filepath.Dir(path), "traces.jsonl"))
	for _, node := range []string{"node-a", "node-b"} {
		run.Eventually(t, "a log record of "+node+" has query, stream and trace", func() bool {
			logs, err := recorded.Logs(path)
			require.NoError(t, err)
			return slices.ContainsFunc(logs, func(l recorded.Log) bool {
				_, traced := byTrace[l.TraceID()]
				return traced && l.Scope == "eventflux::query" &&
					recorded.Text(l.Resource, "service.instance.id") == node &&
					recorded.Text(l.Attributes(), "query.id") != "" &&
					recorded.Text(l.Attributes(), "stream.name") != ""
			})
		})
	}
}

// assertResources checks the identity on all three signals: node A's comes
// from a file and a flag, node B's from OTEL_*.
func assertResources(t *testing.T, dir string) {
	t.Helper()
	spans, err := recorded.Spans(filepath.Join(dir, "traces.jsonl"))
	require.NoError(t, err)
	logs, err := recorded.Logs(filepath.Join(dir, "logs.jsonl"))
	require.NoError(t, err)
	metrics, err := recorded.MetricResources(filepath.Join(dir, "metrics.jsonl"))
	require.NoError(t, err)
	resources := map[string][]pcommon.Map{"metrics": metrics}
	for _, s := range spans {
		resources["traces"] = append(resources["traces"], s.Resource)
	}
	for _, l := range logs {
		resources["logs"] = append(resources["logs"], l.Resource)
	}
	want := map[string]string{
		"node-a": "eventflux-engine 0.2.0 staging",
		"node-b": "eventflux-engine 0.3.0 production",
	}
	for _, signal := range []string{"metrics", "traces", "logs"} {
		seen := map[string]bool{}
		for _, r := range resources[signal] {
			id := recorded.Text(r, "service.instance.id")
			if id == "test-host" { // the host's own metrics
				continue
			}
			seen[id] = true
			got := strings.Join([]string{
				recorded.Text(r, "service.name"), recorded.Text(r, "service.version"), recorded.Text(r, "deployment.environment"),
			}, " ")
			assert.Equal(t, want[id], got, "%s of %q", signal, id)
		}
		assert.Len(t, seen, 2, signal)
	}
}
