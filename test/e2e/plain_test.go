// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/test/internal/plain"
	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// Any program that meets the conventions is an engine: this one knows nothing
// of ours but the names.
func TestAnEngineOfTheStockSDK(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	e := plain.Start(t, c.Endpoint(), "plain-1")
	eventuallyLabels(t, c)

	_, err := e.Batch(t.Context())
	require.NoError(t, err)
	assertPlainSignals(t, c, "plain-1")

	eventuallyHealth(t, c, `"queries_running":3`, `"streams_active":1`, `"engines":{"up":1`)
	require.NoError(t, e.Check("state_backend", "unhealthy"))
	eventuallyIll(t, c, `"state_backend":"fail"`)
	require.NoError(t, e.Check("state_backend", "healthy"))
	eventuallyHealth(t, c, `"state_backend":"ok"`)
	assert.Zero(t, violations(c), "it meets the conventions")

	second := plain.Start(t, c.Endpoint(), "plain-2")
	eventuallyHealth(t, c, `"engines":{"up":2`)
	require.NoError(t, second.Goodbye(t.Context()))
	eventuallyHealth(t, c, `"engines":{"up":1`)
	e.Vanish()
	eventuallyIll(t, c, "instance plain-1")
	_, body := c.Probe("/health")
	assert.NotContains(t, body, "instance plain-2", "a goodbye is no alarm")
}

// What that engine sent, recorded as OTLP/JSON, is enough: no library at all.
func TestAnEngineThatIsAFile(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	for _, signal := range []string{"metrics", "traces", "logs"} {
		lines := read(t, filepath.Join("testdata", "plain", signal+".jsonl"))
		for line := bufio.NewScanner(strings.NewReader(lines)); line.Scan(); {
			postJSON(t, fmt.Sprintf("http://127.0.0.1:%d/v1/%s", c.HTTP, signal), line.Bytes())
		}
	}
	eventuallyLabels(t, c)
	assertPlainSignals(t, c, "recorded")
	eventuallyHealth(t, c, `"queries_running":3`, `"engines":{"up":1`)
	assert.Zero(t, violations(c))

	breach := strings.Replace(read(t, filepath.Join("testdata", "plain", "metrics.jsonl")), `"unit":"s"`, `"unit":"ms"`, 1)
	postJSON(t, fmt.Sprintf("http://127.0.0.1:%d/v1/metrics", c.HTTP), []byte(breach))
	assert.Positive(t, violations(c), "a breach would have been seen")
}

func postJSON(t *testing.T, url string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// eventuallyIll waits until /health answers that it is not, and so.
func eventuallyIll(t *testing.T, c *run.Collector, text string) {
	t.Helper()
	run.Eventually(t, "/health complains: "+text, func() bool {
		_, body := c.Probe("/health")
		return strings.Contains(body, text) && !strings.Contains(body, `"status":"healthy"`)
	})
}

func eventuallyLabels(t *testing.T, c *run.Collector) {
	t.Helper()
	run.Eventually(t, "all names are there", func() bool {
		m := c.Metrics()
		for name := range labels {
			if len(m.Series(name, nil)) == 0 {
				return false
			}
		}
		return true
	})
	assertLabels(t, c.Metrics())
}

// violations are the breaches of the conventions that the receiver counted.
func violations(c *run.Collector) float64 {
	n, _ := c.SelfMetrics().Sum("otelcol_receiver_eventflux_contract_violations", scrape.Labels{})
	return n
}

// assertPlainSignals looks for the span tree of one node under one trace id, and
// a log record in it.
func assertPlainSignals(t *testing.T, c *run.Collector, instance string) {
	t.Helper()
	var spans []recorded.Span
	var id pcommon.TraceID
	run.Eventually(t, "the trace is recorded", func() bool {
		for trace, of := range traces(t, filepath.Join(c.DataDir, "traces.jsonl")) {
			if recorded.Text(of[0].Resource, "service.instance.id") == instance {
				id, spans = trace, of
			}
		}
		return len(spans) == plain.Spans
	})
	byID := map[pcommon.SpanID]recorded.Span{}
	for _, s := range spans {
		byID[s.SpanID()] = s
	}
	documented := documentedSpans(t)
	for _, s := range spans {
		documented.check(t, s)
		if want, ok := tree[starred(s.Name())]; ok {
			assert.Equal(t, want, starred(byID[s.ParentSpanID()].Name()), "parent of %s", s.Name())
		}
	}
	run.Eventually(t, "a log record names query, stream and trace", func() bool {
		logs, err := recorded.Logs(filepath.Join(c.DataDir, "logs.jsonl"))
		require.NoError(t, err)
		return slices.ContainsFunc(logs, func(l recorded.Log) bool {
			return l.TraceID() == id && recorded.Text(l.Attributes(), "query.id") == plain.Query &&
				recorded.Text(l.Attributes(), "stream.name") == plain.Stream
		})
	})
}
