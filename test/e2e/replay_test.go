// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

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
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

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

// demo is the reference engine's two nodes after a whole replay.
type demo struct {
	a, b    *run.Process
	want    counts
	sink    string
	metrics scrape.Snapshot
}

// engineConfig is what both nodes read: leaf spans, and a line for each traced batch.
const engineConfig = `
[service]
name = "eventflux-engine"
version = "0.2.0"
environment = "staging"

[telemetry]
level = "detail"
metric_interval = "500ms"

[logging]
level = "debug"
`

// replay runs a file through both nodes, each sending to a collector of its
// own, and waits until front shows the last result. Node A is told who it is
// by the configuration file and a flag, node B by OTEL_* variables.
func replay(t *testing.T, front, ofA, ofB *run.Collector) *demo {
	t.Helper()
	file := replayFile(t)
	d := &demo{want: count(t, file), sink: filepath.Join(t.TempDir(), "alerts.jsonl")}
	config := filepath.Join(t.TempDir(), "eventflux.toml")
	require.NoError(t, os.WriteFile(config, []byte(engineConfig), 0o600))
	link := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	engine := run.Binary(t, "eventflux-engine")

	d.b = run.Start(t, "node b", engine,
		[]string{"--node", "b", "--config", config, "--listen", link, "--sink", d.sink, "--sliding", "20"},
		map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + ofB.Endpoint(),
			"OTEL_RESOURCE_ATTRIBUTES":    "service.instance.id=node-b,service.version=0.3.0,deployment.environment=production",
		})
	// Node A would wait for node B, and count each attempt as an error.
	run.Eventually(t, "node b listens", func() bool { return strings.Contains(d.b.Output(), "node b started") })
	d.a = run.Start(t, "node a", engine,
		[]string{"--node", "a", "--config", config, "--instance", "node-a", "--peer", link, "--replay", file, "--window", "24h", "--linger"},
		map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + ofA.Endpoint()})
	settled := run.Within(func() bool {
		d.metrics = front.Metrics()
		return len(d.differences()) == 0
	})
	if !settled {
		t.Logf("the counts of the file were not reached: %v", d.differences())
	}
	return d
}

// assertLabels checks that all 20 names are there with exactly their labels,
// once per engine and label set.
func assertLabels(t *testing.T, m scrape.Snapshot) {
	t.Helper()
	for name, set := range labels {
		series := m.Series(name, nil)
		assert.NotEmpty(t, series, name)
		seen := map[string]bool{}
		for _, s := range series {
			assert.Equal(t, set, strings.Join(scrape.LabelNames(s), " "), name)
			key := scrape.Key(name, s)
			assert.False(t, seen[key], "twice: %s", key)
			seen[key] = true
		}
	}
}

// differences names what the engines count otherwise than the file was counted.
func (d *demo) differences() (found []string) {
	for _, tt := range []struct {
		name, label, value string
		want               int
	}{
		{"query_events_processed_total", "query_id", "price_filter", d.want.rows},
		{"query_events_emitted_total", "query_id", "price_filter", d.want.passed},
		{"query_events_processed_total", "query_id", "trade_rate", d.want.rows},
		{"query_events_processed_total", "query_id", "stock_aggregation", d.want.passed},
		{"query_events_emitted_total", "query_id", "stock_aggregation", d.want.aggregates},
		{"query_events_processed_total", "query_id", "symbol_join", d.want.aggregates},
		{"query_events_emitted_total", "query_id", "symbol_join", d.want.joined},
		{"query_events_processed_total", "query_id", "price_alert", d.want.joined},
		{"eventflux_custom_trades_total", "query_id", "trade_rate", d.want.rows},
		{"eventflux_filter_events_dropped_total", "query_id", "price_filter", d.want.rows - d.want.passed},
		{"eventflux_operator_events_in_total", "query_id", "stock_aggregation", d.want.passed},
		{"eventflux_window_events_added_total", "query_id", "stock_aggregation", d.want.passed},
		{"eventflux_window_events_retained", "query_id", "stock_aggregation", 0},
		{"eventflux_window_emit_size", "query_id", "trade_rate", d.windows()},
		{"eventflux_join_matches_total", "query_id", "symbol_join", d.want.joined},
		{"eventflux_join_misses_total", "query_id", "symbol_join", d.want.aggregates - d.want.joined},
		{"eventflux_source_events_received_total", "eventflux_source_type", "csv", d.want.rows},
		{"eventflux_source_events_received_total", "eventflux_source_type", "grpc", d.want.aggregates},
		{"eventflux_sink_events_sent_total", "eventflux_sink_type", "grpc", d.want.aggregates},
		{"eventflux_pipeline_queue_depth", "stream_name", "StockStream", 0},
		{"stream_events_received_total", "stream_name", "StockStream", d.want.rows},
		{"stream_events_sent_total", "stream_name", "StockStream", 2 * d.want.rows},
	} {
		got, _ := d.metrics.Sum(tt.name, scrape.Labels{tt.label: tt.value})
		if got != float64(tt.want) {
			found = append(found, fmt.Sprintf("%s %s = %v, want %d", tt.name, tt.value, got, tt.want))
		}
	}
	return found
}

// windows is how often the timer window of trade_rate gave a result.
func (d *demo) windows() int {
	n, _ := d.metrics.Sum("query_events_emitted_total", scrape.Labels{"query_id": "trade_rate"})
	return int(n)
}

// assertCounts compares what the engines say they did with the file.
func (d *demo) assertCounts(t *testing.T) {
	t.Helper()
	assert.Empty(t, d.differences())
	for _, m := range d.metrics.Series("query_execution_errors_total", nil) {
		assert.Zero(t, scrape.Value(m), "errors are declared, and none happened: %v", scrape.LabelsOf(m))
	}
	price, _ := d.metrics.Sum("eventflux_custom_avg_price", scrape.Labels{"query_id": "trade_rate"})
	assert.Positive(t, price, "the query emits it as a metric")
	alerts, _ := d.metrics.Sum("query_events_emitted_total", scrape.Labels{"query_id": "price_alert"})
	raw, err := os.ReadFile(d.sink)
	require.NoError(t, err)
	assert.Equal(t, alerts, float64(strings.Count(string(raw), "\n")), "lines in the sink's file")
	assert.Positive(t, alerts)
	written, _ := d.metrics.Sum("eventflux_sink_io_bytes_total", scrape.Labels{"eventflux_sink_type": "file"})
	assert.Equal(t, written, float64(len(raw)), "bytes in the sink's file")
	in, _ := d.metrics.Sum("eventflux_transport_io_bytes_total", scrape.Labels{"eventflux_direction": "in"})
	out, _ := d.metrics.Sum("eventflux_transport_io_bytes_total", scrape.Labels{"eventflux_direction": "out"})
	assert.Equal(t, out, in, "bytes over the link, as either end counts them")
	assert.Positive(t, in)
}
