// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package e2e drives the built binaries from outside.
package e2e

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// labels holds the 20 names of the requirements with their label sets, apart
// from Prometheus' own job, instance and le.
var labels = map[string]string{
	"query_events_processed_total":     "query_id stream_name",
	"query_events_emitted_total":       "output_stream query_id",
	"query_latency_seconds":            "query_id",
	"query_execution_errors_total":     "error_type query_id",
	"query_active_count":               "",
	"query_window_size_bytes":          "query_id window_type",
	"query_buffer_utilization":         "query_id",
	"stream_events_received_total":     "stream_name",
	"stream_events_sent_total":         "stream_name",
	"stream_subscribers_active":        "stream_name",
	"stream_backpressure_events_total": "stream_name",
	"stream_buffer_size_bytes":         "stream_name",
	"stream_oldest_event_age_seconds":  "stream_name",
	"eventflux_uptime_seconds":         "",
	"eventflux_memory_usage_bytes":     "component",
	"eventflux_cpu_usage_percent":      "",
	"eventflux_threads_active":         "",
	"connections_active":               "protocol",
	"connections_total":                "protocol result",
	"connection_errors_total":          "error_type protocol",
}

// replayFile is EVENTFLUX_REPLAY_FILE, or a made file of 44 902 bars.
func replayFile(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("EVENTFLUX_REPLAY_FILE"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "bars.csv")
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("timestamp,symbol,open,high,low,close,volume\n")
	at := time.Date(1995, 1, 3, 21, 0, 0, 0, time.UTC)
	symbols := []string{"ORCL", "YHOO", "NVDA", "STOXX50F"}
	for range 44902 {
		price := rng.Float64() * 50
		fmt.Fprintf(&b, "%s,%s,1,1,1,%.4f,%d\n", at.Format(time.RFC3339), symbols[rng.IntN(4)], price, rng.IntN(10))
		at = at.Add(time.Duration(rng.IntN(7200)) * time.Second)
	}
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

// counts is what must come out of a file, counted line by line.
type counts struct{ rows, passed, aggregates, joined int }

func count(t *testing.T, path string) (c counts) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		r, err = gzip.NewReader(f)
		require.NoError(t, err)
	}
	windows := map[string]bool{}
	lines := bufio.NewScanner(r)
	lines.Scan() // the header
	for lines.Scan() {
		cols := strings.Split(lines.Text(), ",")
		price, err := strconv.ParseFloat(cols[5], 64)
		require.NoError(t, err)
		c.rows++
		if price < 5 || cols[6] == "0" {
			continue
		}
		c.passed++
		windows[cols[0][:10]+cols[1]] = true // windows of 24 h start at midnight UTC
	}
	require.NoError(t, lines.Err())
	for w := range windows {
		c.aggregates++
		if !strings.HasSuffix(w, "STOXX50F") { // the table lacks it
			c.joined++
		}
	}
	return c
}

func TestReplayThroughBothNodes(t *testing.T) {
	file := replayFile(t)
	want := count(t, file)
	c := run.StartCollector(t, "standalone", nil)
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + c.Endpoint()}
	sink := filepath.Join(t.TempDir(), "alerts.jsonl")
	link := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	b := run.Start(t, "node b", run.Binary(t, "eventflux-engine"),
		[]string{"--node", "b", "--instance", "node-b", "--listen", link, "--sink", sink, "--sliding", "20"}, env)
	a := run.Start(t, "node a", run.Binary(t, "eventflux-engine"),
		[]string{"--node", "a", "--instance", "node-a", "--peer", link, "--replay", file, "--window", "24h", "--linger"}, env)

	var m scrape.Snapshot
	run.Eventually(t, "the last result has reached the last query", func() bool {
		m = c.Metrics()
		got, _ := m.Sum("query_events_processed_total", scrape.Labels{"query_id": "price_alert"})
		return got == float64(want.joined)
	})

	t.Run("all names have exactly their labels", func(t *testing.T) {
		for name, set := range labels {
			series := m.Series(name, nil)
			assert.NotEmpty(t, series, name)
			for _, s := range series {
				assert.Equal(t, set, strings.Join(scrape.LabelNames(s), " "), name)
			}
		}
	})
	t.Run("counts are those of the file", func(t *testing.T) {
		for _, tt := range []struct {
			name, label, value string
			want               int
		}{
			{"query_events_processed_total", "query_id", "price_filter", want.rows},
			{"query_events_emitted_total", "query_id", "price_filter", want.passed},
			{"query_events_processed_total", "query_id", "stock_aggregation", want.passed},
			{"query_events_emitted_total", "query_id", "stock_aggregation", want.aggregates},
			{"query_events_emitted_total", "query_id", "symbol_join", want.joined},
			{"stream_events_received_total", "stream_name", "StockStream", want.rows},
		} {
			got, found := m.Sum(tt.name, scrape.Labels{tt.label: tt.value})
			assert.True(t, found, "%s %s", tt.name, tt.value)
			assert.Equal(t, float64(tt.want), got, "%s %s", tt.name, tt.value)
		}
		alerts, _ := m.Sum("query_events_emitted_total", scrape.Labels{"query_id": "price_alert"})
		raw, err := os.ReadFile(sink)
		require.NoError(t, err)
		assert.Equal(t, alerts, float64(strings.Count(string(raw), "\n")), "lines in the sink's file")
	})
	t.Run("health follows the engines", func(t *testing.T) {
		code, body := c.Probe("/health")
		assert.Equal(t, 200, code)
		assert.Contains(t, body, `"status":"healthy"`)
		assert.Contains(t, body, `"queries_running":5`)

		assert.Zero(t, a.Stop(), "node a ends cleanly")
		b.Kill()
		run.Eventually(t, "the killed engine is named", func() bool {
			code, body = c.Probe("/health")
			return code == 503
		})
		assert.Contains(t, body, "instance node-b")
		assert.NotContains(t, body, "instance node-a", "a goodbye is no alarm")
		code, _ = c.Probe("/ready")
		assert.Equal(t, 200, code, "a dead engine does not un-ready the collector")
	})
	t.Run("the collector drains", func(t *testing.T) {
		c.Signal(syscall.SIGTERM)
		run.Eventually(t, "/ready drops", func() bool {
			code, _ := c.Probe("/ready")
			return code == 503
		})
		code, _ := c.Probe("/live")
		assert.Equal(t, 200, code)
		code, body := c.Probe("/health")
		assert.Equal(t, 503, code)
		assert.Contains(t, body, `"status":"shutting_down"`)
		assert.NotEmpty(t, c.Metrics(), "still serving")
		assert.Zero(t, c.Wait(), "the collector ends cleanly")
	})
}
