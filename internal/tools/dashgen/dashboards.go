// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

// columns and height are measured in units of Grafana's grid.
const columns, height = 24, 8

type dashboard struct {
	uid, title string
	variables  []variable
	panels     []panel
}

type variable struct{ name, label, query string }

type query struct{ expr, legend string }

type panel struct {
	title, description, kind, unit string
	empty                          string // said when there is no value
	width                          int
	alert                          string // whose limit is the threshold
	linkTitle, link                string
	exemplars                      bool
	queries                        []query
}

const (
	silent     = "no data: is the collector scraped, and does an engine send?"
	notEmitted = "no data: no query of these engines emits this metric"
	noWeek     = "no data: usual is what a week before was"
	noErrors   = "none, or the engine is silent: see Engines"
	toQuery    = "/d/eventflux-queries?${__url_time_range}&var-datasource=${datasource}&var-query=${__field.labels.query_id}"
	toStream   = "/d/eventflux-streams?${__url_time_range}&var-datasource=${datasource}&var-stream=${__field.labels.stream_name}"
	toSystem   = "/d/eventflux-system?${__url_time_range}&var-datasource=${datasource}&var-instance=${__field.labels.instance}"
)

var (
	job      = variable{"job", "job", "label_values(eventflux_uptime_seconds, job)"}
	instance = variable{"instance", "instance", `label_values(eventflux_uptime_seconds{job=~"$job"}, instance)`}
	queries  = variable{"query", "Query", `label_values(query_events_processed_total{job=~"$job",instance=~"$instance"}, query_id)`}
	streams  = variable{"stream", "Stream", `label_values(stream_events_received_total{job=~"$job",instance=~"$instance"}, stream_name)`}
)

var dashboards = []dashboard{
	{"eventflux-overview", "EventFlux Overview", []variable{job, instance}, []panel{
		{
			"Engines", "1 is alive, 0 is silent or stopped. Bad: 0 without a planned stop. Next: System Resources, and the runbook EngineSilent.", "stat", "none", silent, 6, "", "System Resources", toSystem, false,
			[]query{{`eventflux_up{job=~"$job",instance=~"$instance"}`, "{{instance}}"}},
		},
		{
			"System uptime", "Normal: rises. Bad: falls back to zero, which is a restart. Next: the log of the engine, System Resources.", "stat", "s", silent, 6, "", "System Resources", toSystem, false,
			[]query{{`eventflux_uptime_seconds{job=~"$job",instance=~"$instance"}`, "{{instance}}"}},
		},
		{
			"Version", "Normal: one version on all engines. Bad: several, outside a rolling upgrade. Next: the deployment.", "stat", "none", silent, 6, "", "System Resources", "/d/eventflux-system?${__url_time_range}&${__all_variables}", false,
			[]query{{`count by (eventflux_build_version) (eventflux_build_info{job=~"$job",instance=~"$instance"})`, "{{eventflux_build_version}}"}},
		},
		{
			"Active queries", "Normal: the number that was deployed. Bad: fewer. Next: Query Performance.", "stat", "none", silent, 6, "", "Query Performance", "/d/eventflux-queries?${__url_time_range}&${__all_variables}", false,
			[]query{{`sum(query_active_count{job=~"$job",instance=~"$instance"})`, "queries"}},
		},
		{
			"Total events processed", "Normal: follows the input. Bad: falls while the input does not. Next: the query that fell.", "timeseries", "eps", silent, 12, "", "The query", toQuery, false,
			[]query{{`sum by (query_id) (rate(query_events_processed_total{job=~"$job",instance=~"$instance"}[$__rate_interval]))`, "{{query_id}}"}},
		},
		{
			"Error rate", "Normal: none. Bad: any that lasts. Next: the query, by a click on its line; its errors are there by type.", "timeseries", "eps", noErrors, 12, "", "The query", toQuery, false,
			[]query{{`sum by (query_id) (rate(query_execution_errors_total{job=~"$job",instance=~"$instance"}[$__rate_interval])) > 0`, "{{query_id}}"}},
		},
		{
			"CPU usage", "Normal: room to the number of cores times 100 %. Bad: flat at the top. Next: System Resources.", "timeseries", "percent", silent, 12, "", "System Resources", toSystem, false,
			[]query{{`eventflux_cpu_usage_percent{job=~"$job",instance=~"$instance"}`, "{{instance}}"}},
		},
		{
			"Memory usage", "Normal: a saw tooth around a level. Bad: a level that rises all day. Next: System Resources, by component.", "timeseries", "bytes", silent, 12, "", "System Resources", toSystem, false,
			[]query{{`process_memory_usage_bytes{job=~"$job",instance=~"$instance"} and on (job, instance) eventflux_uptime_seconds`, "{{instance}}"}},
		},
		{
			"Slowest queries", "99 of 100 batches are faster than this. Bad: above the dashed line of the alert HighQueryLatency. Next: the query.", "timeseries", "s", silent, 12, "HighQueryLatency", "The query", toQuery, false,
			[]query{{`topk(5, query_latency_seconds{quantile="0.99"})`, "{{query_id}}"}},
		},
		{
			"Streams held back", "Events that had to wait. Bad: above the dashed line of the alert StreamBackpressure. Next: the stream.", "timeseries", "eps", noErrors, 12, "StreamBackpressure", "The stream", toStream, false,
			[]query{{`topk(5, sum by (stream_name) (rate(stream_backpressure_events_total{job=~"$job",instance=~"$instance"}[$__rate_interval])))`, "{{stream_name}}"}},
		},
	}},
	{"eventflux-queries", "Query Performance", []variable{job, instance, queries}, []panel{
		{
			"Query throughput", "Normal: follows the input streams. Bad: falls while they do not. Next: buffer utilization below.", "timeseries", "eps", silent, 12, "", "Stream Monitoring", "/d/eventflux-streams?${__url_time_range}", false,
			[]query{{`sum by (query_id) (rate(query_events_processed_total{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval]))`, "{{query_id}}"}},
		},
		{
			"Query latency", "p50, p95 and p99 of a batch. Bad: p99 above the dashed line of the alert HighQueryLatency. Next: an exemplar leads to a slow batch's trace.", "timeseries", "s", silent, 12, "HighQueryLatency", "", "", true,
			[]query{
				{`histogram_quantile(0.5, sum by (query_id, le) (rate(query_latency_seconds_bucket{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval])))`, "{{query_id}} p50"},
				{`histogram_quantile(0.95, sum by (query_id, le) (rate(query_latency_seconds_bucket{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval])))`, "{{query_id}} p95"},
				{`histogram_quantile(0.99, sum by (query_id, le) (rate(query_latency_seconds_bucket{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval])))`, "{{query_id}} p99"},
			},
		},
		{
			"Query error rate", "Errors by type. Normal: none. Bad: any that lasts. Next: logs with this query.id, the runbook QueryErrors.", "timeseries", "eps", noErrors, 12, "", "", "", false,
			[]query{{`sum by (query_id, error_type) (rate(query_execution_errors_total{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval])) > 0`, "{{query_id}} {{error_type}}"}},
		},
		{
			"Query buffer utilization", "Normal: near 0. Bad: above the dashed line of the alert QueryBufferFull; at 100 % the stream is held back. Next: blocked or busy, below.", "timeseries", "percentunit", silent, 12, "QueryBufferFull", "", "", false,
			[]query{{`query_buffer_utilization{job=~"$job",instance=~"$instance",query_id=~"$query"}`, "{{query_id}} {{instance}}"}},
		},
		{
			"Query execution timeline", "Time that each query is busy; 100 % is one worker. Normal: below what its workers have. Bad: at it. Next: give it workers, or split it.", "state-timeline", "percentunit", silent, 12, "", "", "", false,
			[]query{{`sum by (query_id) (rate(eventflux_query_busy_time_seconds_total{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval]))`, "{{query_id}}"}},
		},
		{
			"Query blocked", "Share of time in which workers wait for what is behind. Bad: above the dashed line of the alert QueryBlocked. Next: the sink or query behind it.", "timeseries", "percentunit", silent, 12, "QueryBlocked", "", "", false,
			[]query{{`rate(eventflux_query_blocked_time_seconds_total{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval])`, "{{query_id}} {{instance}}"}},
		},
		{
			"Throughput, as usual", "Share of what is usual at this time of the week. Normal: near 100 %. Bad: below the dashed line of the alert QueryThroughputUnusual, or above its other limit, 170 %. Next: the input streams.", "timeseries", "percentunit", noWeek, 12, "QueryThroughputUnusual", "Stream Monitoring", "/d/eventflux-streams?${__url_time_range}", false,
			[]query{{`job_query:events:rate5m{job=~"$job",query_id=~"$query"} / job_query:events:usual{job=~"$job",query_id=~"$query"}`, "{{query_id}}"}},
		},
		{
			"Latency, as usual", "Share of what is usual at this time of the week. Normal: near 100 %. Bad: above the dashed line of the alert QueryLatencyUnusual. Next: what changed, the runbook QueryLatencyUnusual.", "timeseries", "percentunit", noWeek, 12, "QueryLatencyUnusual", "", "", false,
			[]query{{`job_query:latency_seconds:mean5m{job=~"$job",query_id=~"$query"} / job_query:latency_seconds:usual{job=~"$job",query_id=~"$query"}`, "{{query_id}}"}},
		},
		{
			"Trades per second (a metric of a query)", "What trade_rate of the demo emits with emit_metrics: copy it for metrics of your own queries. Normal: follows the input. Bad: falls while it does not. Next: Query throughput.", "timeseries", "cps", notEmitted, 12, "", "", "", false,
			[]query{{`sum by (query_id) (rate(eventflux_custom_trades_total{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval]))`, "{{query_id}}"}},
		},
		{
			"Average price (a metric of a query)", "The average price of the last window of trade_rate in the demo. Normal: moves. Bad: stands still while trades come. Next: Query throughput.", "timeseries", "none", notEmitted, 12, "", "", "", false,
			[]query{{`eventflux_custom_avg_price{job=~"$job",instance=~"$instance",query_id=~"$query"}`, "{{query_id}} {{instance}}"}},
		},
	}},
	{"eventflux-streams", "Stream Monitoring", []variable{job, instance, streams}, []panel{
		{
			"Stream throughput", "Events taken in. Normal: follows the source. Bad: 0 while the source has data. Next: backpressure, and the runbook SourceDisconnected.", "timeseries", "eps", silent, 12, "", "", "", false,
			[]query{{`sum by (stream_name) (rate(stream_events_received_total{job=~"$job",instance=~"$instance",stream_name=~"$stream"}[$__rate_interval]))`, "{{stream_name}}"}},
		},
		{
			"Stream backpressure events", "Events that had to wait. Bad: above the dashed line of the alert StreamBackpressure. Next: the queries that read the stream.", "timeseries", "eps", noErrors, 12, "StreamBackpressure", "Query Performance", "/d/eventflux-queries?${__url_time_range}", false,
			[]query{{`rate(stream_backpressure_events_total{job=~"$job",instance=~"$instance",stream_name=~"$stream"}[$__rate_interval])`, "{{stream_name}} {{instance}}"}},
		},
		{
			"Subscriber count", "Queries and sinks that read each stream. Normal: constant. Bad: 0, for then nobody reads. Next: Query Performance.", "timeseries", "none", silent, 8, "", "", "", false,
			[]query{{`sum by (stream_name) (stream_subscribers_active{job=~"$job",instance=~"$instance",stream_name=~"$stream"})`, "{{stream_name}}"}},
		},
		{
			"Buffer size trend", "Memory of waiting events. Normal: flat. Bad: rises steadily. Next: the runbook StreamQueueFillsUp.", "timeseries", "bytes", silent, 8, "", "", "", false,
			[]query{{`sum by (stream_name) (stream_buffer_size_bytes{job=~"$job",instance=~"$instance",stream_name=~"$stream"})`, "{{stream_name}}"}},
		},
		{
			"Oldest event age", "Bad: above the dashed line of the alert StreamOldestEventAge. Next: the queries of the stream.", "timeseries", "s", silent, 8, "StreamOldestEventAge", "", "", false,
			[]query{{`max by (stream_name) (stream_oldest_event_age_seconds{job=~"$job",instance=~"$instance",stream_name=~"$stream"})`, "{{stream_name}}"}},
		},
	}},
	{"eventflux-system", "System Resources", []variable{job, instance}, []panel{
		{
			"CPU usage over time", "Of one core. Normal: room to the number of cores times 100 %. Bad: flat at the top. Next: Query Performance, the busiest query.", "timeseries", "percent", silent, 12, "", "", "", false,
			[]query{{`eventflux_cpu_usage_percent{job=~"$job",instance=~"$instance"}`, "{{instance}}"}},
		},
		{
			"Memory usage over time", "By component. Normal: a level. Bad: one component that grows all day. Next: the windows and tables of its queries.", "timeseries", "bytes", silent, 12, "", "", "", false,
			[]query{{`eventflux_memory_usage_bytes{job=~"$job",instance=~"$instance"}`, "{{instance}} {{component}}"}},
		},
		{
			"Thread pool utilization", "Busy share of each pool. Normal: below 80 %. Bad: at 100 % while its queue grows. Next: give the pool threads.", "timeseries", "percentunit", silent, 8, "", "", "", false,
			[]query{{`sum by (instance, eventflux_executor_name) (eventflux_executor_threads{job=~"$job",instance=~"$instance",eventflux_thread_state="busy"}) / sum by (instance, eventflux_executor_name) (eventflux_executor_threads{job=~"$job",instance=~"$instance"})`, "{{instance}} {{eventflux_executor_name}}"}},
		},
		{
			"Disk I/O", "Of hosts that have a collector with host_metrics. Normal: follows throughput. Bad: flat at what the disk can do. Next: checkpoints and write-ahead logs.", "timeseries", "Bps", "no data: no collector with host_metrics", 8, "", "", "", false,
			[]query{{`sum by (instance, direction) (rate(system_disk_io_bytes_total[$__rate_interval]))`, "{{instance}} {{direction}}"}},
		},
		{
			"Network throughput", "Of hosts that have a collector with host_metrics, without loopback. Normal: follows throughput. Bad: flat at what the link can do. Next: sources and sinks.", "timeseries", "Bps", "no data: no collector with host_metrics", 8, "", "", "", false,
			[]query{{`sum by (instance, direction) (rate(system_network_io_bytes_total{device!="lo"}[$__rate_interval]))`, "{{instance}} {{direction}}"}},
		},
	}},
	pipeline, flow, slo, capacity,
}
