// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

const (
	noCollector = "no data: is the collector's own port scraped?"
	noQueue     = "no data: no exporter of this collector has a queue"
	notFilling  = "none: nothing fills up, or there is no such queue"
	noLoss      = "none, or the collector is not scraped: see Status"
)

// The collector is not an engine: job and instance are those of its own metrics.
var pipeline = dashboard{
	"eventflux-pipeline", "Pipeline & Cardinality",
	[]variable{
		{"job", "job", "label_values(otelcol_process_uptime, job)"},
		{"instance", "instance", `label_values(otelcol_process_uptime{job=~"$job"}, instance)`},
	},
	[]panel{
		{
			"Status", "What /health of each collector says. Normal: healthy. Bad: unhealthy or degraded. Next: the checks beside it, the runbook CollectorUnhealthy.", "stat", "none", noCollector, 6, "", "", "", false,
			[]query{{statuses.number("otelcol_pipeline_health_status", "status", "instance"), "{{instance}}"}},
		},
		{
			"Checks", "The verdict on each side of the system. Normal: ok. Bad: fail or degraded. Next: EventFlux Overview for engines, below for the collector.", "stat", "none", noCollector, 6, "", "EventFlux Overview", "/d/eventflux-overview?${__url_time_range}&var-datasource=${datasource}", false,
			[]query{{results.number("otelcol_pipeline_health_check", "result", "check"), "{{check}}"}},
		},
		{
			"Engines known", "Engines by what is known of their life. Normal: all up. Bad: silent, which is gone without a goodbye. Next: EventFlux Overview, the runbook EngineSilent.", "stat", "none", noCollector, 6, "", "EventFlux Overview", "/d/eventflux-overview?${__url_time_range}&var-datasource=${datasource}", false,
			[]query{{`sum by (state) (otelcol_receiver_eventflux_engines{job=~"$job",instance=~"$instance"})`, "{{state}}"}},
		},
		{
			"Backends that fail", "Addresses that the collector sends to and that do not answer well. Bad: above the limit of the alert DestinationFailing. Next: the queues below, the runbook DestinationFailing.", "stat", "none", noCollector, 6, "DestinationFailing", "", "", false,
			[]query{{`otelcol_pipeline_health_destinations{job=~"$job",instance=~"$instance",state="failing"}`, "{{instance}}"}},
		},
		{
			"Points that come", "Metric points that each receiver took. Normal: steady. Bad: falls while engines are up. Next: what it refuses, beside it.", "timeseries", "cps", noCollector, 12, "", "", "", false,
			[]query{{`sum by (instance, receiver) (rate(otelcol_receiver_accepted_metric_points{job=~"$job",instance=~"$instance"}[$__rate_interval]))`, "{{instance}} {{receiver}}"}},
		},
		{
			"Share refused", "Of the metric points that came. Bad: above the dashed line of the alert CollectorRefusing. Next: memory and queues below, the runbook CollectorRefusing.", "timeseries", "percentunit", noLoss, 12, "CollectorRefusing", "", "", false,
			[]query{{`sum by (instance, receiver) (rate(otelcol_receiver_refused_metric_points{job=~"$job",instance=~"$instance"}[$__rate_interval])) / (sum by (instance, receiver) (rate(otelcol_receiver_refused_metric_points{job=~"$job",instance=~"$instance"}[$__rate_interval])) + sum by (instance, receiver) (rate(otelcol_receiver_accepted_metric_points{job=~"$job",instance=~"$instance"}[$__rate_interval])))`, "{{instance}} {{receiver}}"}},
		},
		{
			"Points that leave", "Metric points that each exporter sent. Normal: follows what comes. Bad: falls behind it. Next: the queues below.", "timeseries", "cps", noCollector, 12, "", "", "", false,
			[]query{{`sum by (instance, exporter) (rate(otelcol_exporter_sent_metric_points{job=~"$job",instance=~"$instance"}[$__rate_interval]))`, "{{instance}} {{exporter}}"}},
		},
		{
			"Points given up", "By exporters, per second. Normal: none. Bad: any, it is lost telemetry. Next: the runbook CollectorExportFailing.", "timeseries", "cps", "none, or no exporter of this collector can give up", 12, "", "", "", false,
			[]query{{`sum by (instance, exporter) (rate(otelcol_exporter_send_failed_metric_points{job=~"$job",instance=~"$instance"}[$__rate_interval]))`, "{{instance}} {{exporter}}"}},
		},
		{
			"Queues in use", "Share of each exporter's queue. Normal: near 0. Bad: above the dashed line of the alert CollectorQueueFull; a full queue refuses. Next: the backend, the runbook CollectorQueueFull.", "timeseries", "percentunit", noQueue, 12, "CollectorQueueFull", "", "", false,
			[]query{{`otelcol_exporter_queue_size{job=~"$job",instance=~"$instance"} / otelcol_exporter_queue_capacity{job=~"$job",instance=~"$instance"}`, "{{instance}} {{exporter}} {{data_type}}"}},
		},
		{
			"Time until queues are full", "If it goes on like this. Normal: no line, for nothing grows. Bad: below the dashed line, how far the alert CollectorQueueFillsUp looks ahead. Next: the backend.", "timeseries", "s", notFilling, 12, "CollectorQueueFillsUp ahead", "", "", false,
			[]query{{`(otelcol_exporter_queue_capacity{job=~"$job",instance=~"$instance"} - otelcol_exporter_queue_size{job=~"$job",instance=~"$instance"}) / (deriv(otelcol_exporter_queue_size{job=~"$job",instance=~"$instance"}[$__rate_interval]) > 0)`, "{{instance}} {{exporter}} {{data_type}}"}},
		},
		{
			"Memory of the collector", "Normal: a saw tooth around a level. Bad: a level that rises with the series. Next: Series tracked below.", "timeseries", "bytes", noCollector, 12, "", "", "", false,
			[]query{{`otelcol_process_memory_rss{job=~"$job",instance=~"$instance"}`, "{{instance}}"}},
		},
		{
			"CPU of the collector", "In cores. Normal: follows the points that come. Bad: at the number of cores. Next: share the engines over more collectors.", "timeseries", "none", noCollector, 12, "", "", "", false,
			[]query{{`rate(otelcol_process_cpu_seconds{job=~"$job",instance=~"$instance"}[$__rate_interval])`, "{{instance}}"}},
		},
		{
			"Series budget in use", "Share of the series that cardinality_limit allows. Bad: above the dashed line of the alert CardinalityNearLimit. Next: Series by tenant, and GET /cardinality.", "timeseries", "percentunit", noCollector, 8, "CardinalityNearLimit", "", "", false,
			[]query{{`otelcol_cardinality_limit_series_tracked{job=~"$job",instance=~"$instance"} / otelcol_cardinality_limit_series_limit{job=~"$job",instance=~"$instance"}`, "{{instance}} {{processor}}"}},
		},
		{
			"Time until the budget is used up", "If it goes on like this. Normal: no line, for nothing grows. Bad: below the dashed line, how far the alert CardinalityGrows looks ahead. Next: Series by tenant.", "timeseries", "s", "none: the number of series does not grow", 8, "CardinalityGrows ahead", "", "", false,
			[]query{{`(otelcol_cardinality_limit_series_limit{job=~"$job",instance=~"$instance"} - otelcol_cardinality_limit_series_tracked{job=~"$job",instance=~"$instance"}) / (deriv(otelcol_cardinality_limit_series_tracked{job=~"$job",instance=~"$instance"}[$__rate_interval]) > 0)`, "{{instance}} {{processor}}"}},
		},
		{
			"Series by tenant", "The ten largest. Normal: flat. Bad: one that grows without more engines. Next: its offenders, below.", "timeseries", "none", noCollector, 8, "", "", "", false,
			[]query{{`topk(10, sum by (tenant) (otelcol_cardinality_limit_tenant_series{job=~"$job",instance=~"$instance"}))`, "{{tenant}}"}},
		},
		{
			"Share folded or dropped", "Of the points at cardinality_limit. Bad: above the dashed line of the alert CardinalityFolding: totals stay right, details are gone. Next: the offenders.", "timeseries", "percentunit", noLoss, 8, "CardinalityFolding", "", "", false,
			[]query{{`sum by (instance, processor) (rate(otelcol_cardinality_limit_points_out{job=~"$job",instance=~"$instance",outcome=~"folded|folded_attribute|dropped"}[$__rate_interval])) / sum by (instance, processor) (rate(otelcol_cardinality_limit_points_in{job=~"$job",instance=~"$instance"}[$__rate_interval]))`, "{{instance}} {{processor}}"}},
		},
		{
			"Offenders", "The ten metrics that ask for most series beyond a limit. Normal: none. Bad: any. Next: the label that grows, by GET /cardinality, the runbook CardinalityFolding.", "bargauge", "none", "none: no metric is over a limit", 8, "", "", "", false,
			[]query{{`topk(10, otelcol_cardinality_limit_series_demand{job=~"$job",instance=~"$instance"})`, "{{metric}} of {{tenant}}"}},
		},
		{
			"Broken conventions", "Points against the conventions of docs/telemetry.md, by rule. Normal: none. Bad: any after a deployment. Next: the collector's log names the metric and the engine.", "timeseries", "cps", "none: all points keep the conventions", 8, "", "", "", false,
			[]query{{`sum by (rule) (rate(otelcol_receiver_eventflux_contract_violations{job=~"$job",instance=~"$instance"}[$__rate_interval]))`, "{{rule}}"}},
		},
	},
}
