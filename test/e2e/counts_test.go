// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

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
		{"eventflux_operator_events_in_total", "eventflux_operator_id", "filter_1", d.want.rows},
		{"eventflux_window_events_added_total", "query_id", "stock_aggregation", d.want.passed},
		{"eventflux_window_events_retained", "query_id", "stock_aggregation", 0},
		{"eventflux_window_emit_size", "query_id", "trade_rate", d.windows()},
		{"eventflux_join_matches_total", "query_id", "symbol_join", d.want.joined},
		{"eventflux_join_misses_total", "query_id", "symbol_join", d.want.aggregates - d.want.joined},
		{"eventflux_source_events_received_total", "eventflux_source_type", "csv", d.want.rows},
		{"eventflux_source_events_received_total", "eventflux_source_type", "grpc", d.want.aggregates},
		{"eventflux_source_connected", "eventflux_source_type", "grpc", 1},
		{"eventflux_source_mapping_errors_total", "eventflux_source_type", "csv", 0},
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
