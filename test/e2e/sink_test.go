// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// password is a part of the sink's path, and so of every error about it.
const password = "hunter2"

// fullDisk returns the path of a file that takes nothing. It looks like the URL
// of a database.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "postgres:")
	require.NoError(t, os.Mkdir(dir, 0o700))
	name := "admin:" + password + "@db"
	require.NoError(t, os.Symlink("/dev/full", filepath.Join(dir, name)))
	return dir + "//" + name
}

func TestAFullSinkIsReported(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	e := run.NewEngine{
		Endpoint: c.Endpoint(), Sink: fullDisk(t),
		Both: []string{"--config", writeConfig(t, "[telemetry]\nlevel = \"detail\"\n")},
		A:    []string{"--rate", "2000"}, B: []string{"--set", "threshold=0.000001", "--drain", "1s"},
	}.Start(t)
	run.Eventually(t, "the failures to write are counted, as errors and as repetitions", func() bool {
		m := c.Metrics()
		failed, _ := m.Sum("query_execution_errors_total", scrape.Labels{"query_id": "price_alert", "error_type": "sink_send"})
		again, _ := m.Sum("eventflux_sink_retries_total", scrape.Labels{"eventflux_sink_type": "file"})
		return failed > 2 && again > 1
	})
	run.Eventually(t, "the state is what is not well", func() bool {
		code, body := c.Probe("/health")
		return code == 200 && strings.Contains(body, `"state_backend":"degraded"`) && strings.Contains(body, "instance node-b")
	})
	assert.NotZero(t, e.B.Stop(), "events are left behind, and the exit code says so")
	assertCalm(t, e.B.Output(), "no space left on device")

	t.Run("the log's ERROR record has a trace, and it is recorded", func(t *testing.T) {
		id := traceOf(t, e.B.Output(), "sink does not take events; waiting for it")
		assertFailedTrace(t, c.DataDir, id)
	})
	for _, file := range []string{"traces.jsonl", "logs.jsonl"} {
		text := read(t, filepath.Join(c.DataDir, file))
		assert.Contains(t, text, "no space left on device", file)
		assert.NotContains(t, text, password, file)
	}
}

// writeConfig writes an eventflux.toml.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "eventflux.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// traceOf returns the trace id of the ERROR record with the given message.
func traceOf(t *testing.T, log, message string) string {
	t.Helper()
	for line := range strings.Lines(log) {
		var r struct {
			Level, Message string
			Fields         map[string]any
			Span           struct {
				TraceID string `json:"trace_id"`
			}
		}
		if json.Unmarshal([]byte(line), &r) != nil || r.Message != message {
			continue
		}
		assert.Equal(t, "ERROR", r.Level)
		assert.Equal(t, "price_alert", r.Fields["query.id"])
		assert.Equal(t, "EnrichedStream", r.Fields["stream.name"])
		require.NotEmpty(t, r.Span.TraceID, line)
		return r.Span.TraceID
	}
	t.Fatalf("no record %q", message)
	return ""
}

// assertFailedTrace waits for the batch that did not get out: its query and its
// send say how often it was tried and why it failed.
func assertFailedTrace(t *testing.T, dir, id string) {
	t.Helper()
	var spans []recorded.Span
	run.Eventually(t, "trace "+id+" is recorded", func() bool {
		all, err := recorded.Spans(filepath.Join(dir, "traces.jsonl"))
		require.NoError(t, err)
		spans = slices.DeleteFunc(all, func(s recorded.Span) bool { return s.TraceID().String() != id })
		return slices.ContainsFunc(spans, func(s recorded.Span) bool { return s.Name() == "query.execute price_alert" })
	})
	documented := documentedSpans(t)
	for _, name := range []string{"query.execute price_alert", "sink.send file"} {
		i := slices.IndexFunc(spans, func(s recorded.Span) bool { return s.Name() == name })
		if !assert.GreaterOrEqual(t, i, 0, "no span %s", name) {
			continue
		}
		s := spans[i]
		documented.check(t, s)
		assert.Equal(t, ptrace.StatusCodeError, s.Status().Code(), name)
		assert.Equal(t, "sink_send", recorded.Text(s.Attributes(), "error.type"), name)
		assertException(t, s)
		if name == "sink.send file" {
			tries, _ := s.Attributes().Get("eventflux.retry.count")
			assert.Positive(t, tries.Int(), name)
		}
	}
}

// assertException checks that the span has the event that says what went wrong.
func assertException(t *testing.T, s recorded.Span) {
	t.Helper()
	for _, e := range s.Events().All() {
		if e.Name() == "exception" {
			assert.Contains(t, recorded.Text(e.Attributes(), "exception.message"), "no space left on device")
			return
		}
	}
	t.Errorf("%s has no event about the failure", s.Name())
}
