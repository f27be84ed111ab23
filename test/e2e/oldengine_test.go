// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// An engine from before the conventions, as it speaks OTLP/JSON: names and
// labels of old, a time in milliseconds, and one series under old and new name.
const oldEngine = `{"resourceMetrics":[{
	"resource":{"attributes":[
		{"key":"service.name","value":{"stringValue":"engine"}},
		{"key":"service.instance.id","value":{"stringValue":"old-1"}},
		{"key":"deployment.environment","value":{"stringValue":"production"}}]},
	"scopeMetrics":[{"metrics":[
		{"name":"stream_events_total","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
			{"timeUnixNano":"%[1]d","asInt":"10","attributes":[{"key":"stream","value":{"stringValue":"s"}}]}]}},
		{"name":"stream.events.received","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
			{"timeUnixNano":"%[1]d","asInt":"10","attributes":[{"key":"stream.name","value":{"stringValue":"s"}}]}]}},
		{"name":"query_errors_total","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
			{"timeUnixNano":"%[1]d","asInt":"3","attributes":[{"key":"query_id","value":{"stringValue":"q"}}]}]}},
		{"name":"active_queries","gauge":{"dataPoints":[{"timeUnixNano":"%[1]d","asInt":"2"}]}},
		{"name":"query.latency","unit":"ms","histogram":{"aggregationTemporality":2,"dataPoints":[
			{"timeUnixNano":"%[1]d","count":"3","sum":1500,"explicitBounds":[100,1000],"bucketCounts":["1","1","1"],
			"attributes":[{"key":"query_id","value":{"stringValue":"q"}}]}]}}
	]}]}]}`

func TestAnEngineOfOldHasTheSeriesOfToday(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	url := fmt.Sprintf("http://127.0.0.1:%d/v1/metrics", c.HTTP)
	answer, err := http.Post(url, "application/json", strings.NewReader(fmt.Sprintf(oldEngine, time.Now().UnixNano())))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)

	page := c.Metrics()
	for _, want := range []struct {
		name   string
		labels scrape.Labels
		value  float64
	}{
		{"stream_events_received_total", scrape.Labels{"stream_name": "s"}, 10},
		{"query_execution_errors_total", scrape.Labels{"query_id": "q", "error_type": "unknown"}, 3},
		{"query_active_count", nil, 2},
		{"query_latency_seconds", scrape.Labels{"query_id": "q"}, 3},
		{"target_info", scrape.Labels{"deployment_environment": "production", "deployment_environment_name": "production"}, 1},
	} {
		got, found := page.Sum(want.name, want.labels)
		assert.True(t, found && got == want.value, "%s%v is %v, want %v", want.name, want.labels, got, want.value)
	}
	latency := page.Series("query_latency_seconds", nil)
	require.Len(t, latency, 1)
	assert.Equal(t, 1.5, latency[0].GetHistogram().GetSampleSum())
	assert.NotContains(t, page, "stream_events_total")

	told := map[string]string{}
	for _, v := range contractOf(t, c, "old-1").Violations {
		told[v.Rule] = v.First
	}
	assert.Equal(t, map[string]string{
		"unknown_name":      `"stream_events_total" is another name of "stream.events.received": rename it`,
		"wrong_unit":        `"query.latency" has unit "ms": record it in "s"`,
		"missing_attribute": `"query.execution.errors" lacks attribute "error.type": set it`,
	}, told)
}
