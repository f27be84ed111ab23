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

// tree is the span tree of the requirements: each name with its parent's. A
// star stands for what names the stream, query or sink.
var tree = map[string]string{
	"event.ingest *":           "query.execute *",
	"source.read *":            "event.ingest *",
	"junction.send *":          "event.ingest *",
	"filter.process":           "query.execute *",
	"expression.evaluate":      "filter.process",
	"window.process":           "query.execute *",
	"window.accumulate":        "window.process",
	"window.trigger":           "window.process",
	"aggregation.process":      "query.execute *",
	"aggregation.state.update": "aggregation.process",
	"aggregation.compute":      "aggregation.process",
	"output.emit *":            "query.execute *",
	"sink.format":              "output.emit *",
	"sink.send *":              "output.emit *",
}

func starred(name string) string {
	if first, _, two := strings.Cut(name, " "); two {
		return first + " *"
	}
	return name
}

// assertTrace looks for one trace id under which node A and node B together
// have the whole tree.
func assertTrace(t *testing.T, path string) {
	t.Helper()
	var whole []recorded.Span
	run.Eventually(t, "a trace holds the whole tree of both nodes", func() bool {
		for _, spans := range traces(t, path) {
			if isWhole(spans) {
				whole = spans
				return true
			}
		}
		return false
	})
	byID := map[pcommon.SpanID]recorded.Span{}
	for _, s := range whole {
		byID[s.SpanID()] = s
	}
	roots := 0
	for _, s := range whole {
		parent, found := byID[s.ParentSpanID()]
		if want, ok := tree[starred(s.Name())]; ok {
			require.True(t, found, "%s is an orphan", s.Name())
			assert.Equal(t, want, starred(parent.Name()), "parent of %s", s.Name())
		}
		if s.ParentSpanID().IsEmpty() {
			roots++
			assert.Equal(t, "query.execute price_filter", s.Name())
		}
		if strings.HasPrefix(s.Name(), "query.execute ") {
			for _, key := range []string{"query.id", "stream.name", "event.count"} {
				assert.NotEmpty(t, recorded.Text(s.Attributes(), key), "%s of %s", key, s.Name())
			}
		}
		if s.Name() == "window.process" {
			assert.Contains(t, []string{"tumbling", "sliding"}, recorded.Text(s.Attributes(), "window.type"))
		}
		if s.Name() == "filter.process" {
			assert.Equal(t, "filter", recorded.Text(s.Attributes(), "processor.type"))
		}
	}
	assert.Equal(t, 1, roots)
}

// isWhole reports whether the trace began at the source of node A, every name
// of the tree is there, and both nodes are. A batch that was not traced in its
// first query may be in a later one; its trace lacks what came before.
func isWhole(spans []recorded.Span) bool {
	names, nodes := map[string]bool{}, map[string]bool{}
	for _, s := range spans {
		names[starred(s.Name())] = true
		names[s.Name()] = true
		nodes[recorded.Text(s.Resource, "service.instance.id")] = true
	}
	for name := range tree {
		if !names[name] {
			return false
		}
	}
	return names["query.execute price_filter"] && nodes["node-a"] && nodes["node-b"]
}

func traces(t *testing.T, path string) map[pcommon.TraceID][]recorded.Span {
	t.Helper()
	spans, err := recorded.Spans(path)
	require.NoError(t, err)
	byTrace := map[pcommon.TraceID][]recorded.Span{}
	for _, s := range spans {
		byTrace[s.TraceID()] = append(byTrace[s.TraceID()], s)
	}
	return byTrace
}

// assertTimerLinks follows the links of a window that a timer closed.
func assertTimerLinks(t *testing.T, path string) {
	t.Helper()
	run.Eventually(t, "a root of trade_rate links batches that are recorded too", func() bool {
		byTrace := traces(t, path)
		for _, spans := range byTrace {
			for _, s := range spans {
				if s.Name() != "query.execute trade_rate" || s.Links().Len() == 0 || !s.ParentSpanID().IsEmpty() {
					continue
				}
				for _, link := range s.Links().All() {
					fed := byTrace[link.TraceID()]
					if slices.ContainsFunc(fed, func(f recorded.Span) bool { return f.SpanID() == link.SpanID() }) {
						return true
					}
				}
			}
		}
		return false
	})
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
