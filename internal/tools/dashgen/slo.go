// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

const noRules = "no data: are the recording rules loaded, and for as long as this window?"

// The ratios are recorded by job: a budget belongs to a service, not to one of its instances.
var slo = dashboard{
	"eventflux-slo", "SLO & Error Budget",
	[]variable{job, instance},
	append(append([]panel{
		{
			"Delivery budget left", "Of 3 days: 99.9 % of events are not dropped. Normal: above 0. Bad: below, the objective is missed. Next: the windows below, the runbook DeliveryBudgetBurn.", "stat", "percentunit", noRules, 6, "", "", "", false,
			[]query{{`1 - job:delivery_errors:ratio_rate3d{job=~"$job"} / 0.001`, "{{job}}"}},
		},
		{
			"Latency budget left", "Of 3 days: 99 % of batches take at most 100 ms. Normal: above 0. Bad: below, the objective is missed. Next: the windows below, the runbook LatencyBudgetBurn.", "stat", "percentunit", noRules, 6, "", "", "", false,
			[]query{{`1 - job:slow_batches:ratio_rate3d{job=~"$job"} / 0.01`, "{{job}}"}},
		},
		{
			"Events", "Below 1 per second no alert about delivery fires. Normal: follows the sources. Bad: falls while they do not. Next: Stream Monitoring.", "timeseries", "eps", noRules, 6, "", "Stream Monitoring", "/d/eventflux-streams?${__url_time_range}&var-datasource=${datasource}", false,
			[]query{{`job:events_received:rate5m{job=~"$job"}`, "{{job}}"}},
		},
		{
			"Batches", "Below 1 per second no alert about latency fires. Normal: follows the events. Bad: falls while they do not. Next: Query Performance.", "timeseries", "cps", noRules, 6, "", "Query Performance", "/d/eventflux-queries?${__url_time_range}&var-datasource=${datasource}", false,
			[]query{{`job:batches:rate5m{job=~"$job"}`, "{{job}}"}},
		},
	}, append(burn("Dropped", "DeliveryBudgetBurn", "delivery_errors", "Stream Monitoring", "/d/eventflux-streams?${__url_time_range}&var-datasource=${datasource}"),
		burn("Slow", "LatencyBudgetBurn", "slow_batches", "Query Performance", "/d/eventflux-queries?${__url_time_range}&var-datasource=${datasource}")...)...),
		panel{
			"Where events are dropped", "Share of each stream's events. Normal: 0. Bad: one stream that is not. Next: the stream, by a click on its line.", "timeseries", "percentunit", noErrors, 12, "StreamEventsDropped", "The stream", toStream, false,
			[]query{{`sum by (instance, stream_name) (rate(eventflux_stream_events_dropped_total{job=~"$job",instance=~"$instance",eventflux_drop_reason!="filter"}[$__rate_interval])) / sum by (instance, stream_name) (rate(stream_events_received_total{job=~"$job",instance=~"$instance"}[$__rate_interval]))`, "{{instance}} {{stream_name}}"}},
		},
		panel{
			"Freshness", "How far the newest event of a query is behind the clock. Bad: above the dashed line of the alert QueryEventTimeLag while it grows; high and flat is old data. Next: the query.", "timeseries", "s", silent, 12, "QueryEventTimeLag", "The query", toQuery, false,
			[]query{{`max by (query_id) (eventflux_query_event_time_lag_seconds{job=~"$job",instance=~"$instance"})`, "{{query_id}}"}},
		},
	),
}

// burn returns one panel for each pair of windows of an alert: it fires when both lines are above its limit.
func burn(what, alert, ratio, title, link string) (panels []panel) {
	for _, w := range [][2]string{{"1h", "5m"}, {"6h", "30m"}, {"1d", "2h"}, {"3d", "6h"}} {
		panels = append(panels, panel{
			fmt.Sprintf("%s, %s and %s", what, w[0], w[1]),
			fmt.Sprintf("Share over both windows. Normal: near 0. Bad: both above the dashed line of the alert %s. Next: %s, what happened in the last %s.", alert, title, w[1]),
			"timeseries", "percentunit", noRules, 6, alert + " " + w[0], title, link, false,
			[]query{
				{fmt.Sprintf(`job:%s:ratio_rate%s{job=~"$job"}`, ratio, w[0]), "{{job}} " + w[0]},
				{fmt.Sprintf(`job:%s:ratio_rate%s{job=~"$job"}`, ratio, w[1]), "{{job}} " + w[1]},
			},
		})
	}
	return panels
}
