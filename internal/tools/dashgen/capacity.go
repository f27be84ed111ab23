// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

const (
	nothingFills = "none: nothing fills up"
	noTenant     = "no data: no engine has eventflux.tenant among its resource attributes"
)

var capacity = dashboard{
	"eventflux-capacity", "Capacity & Cost",
	[]variable{job, instance, queries},
	[]panel{
		{
			"Time until stream queues are full", "If it goes on like this. Normal: no line, for nothing grows. Bad: below the dashed line, how far the alert StreamQueueFillsUp looks ahead. Next: the stream.", "timeseries", "s", nothingFills, 8, "StreamQueueFillsUp ahead", "The stream", toStream, false,
			[]query{{`(eventflux_pipeline_queue_capacity{job=~"$job",instance=~"$instance"} - eventflux_pipeline_queue_depth{job=~"$job",instance=~"$instance"}) / (deriv(eventflux_pipeline_queue_depth{job=~"$job",instance=~"$instance"}[$__rate_interval]) > 0)`, "{{stream_name}} {{instance}}"}},
		},
		{
			"Time until disks are full", "Of hosts that have a collector with host_metrics, if it goes on like this. Normal: no line. Bad: below the dashed line, how far the alert HostDiskFillsUp looks ahead. Next: checkpoints, logs, queues on disk.", "timeseries", "s", nothingFills, 8, "HostDiskFillsUp ahead", "", "", false,
			[]query{{`system_filesystem_usage_bytes{state="free"} / -(deriv(system_filesystem_usage_bytes{state="free"}[$__rate_interval]) < 0)`, "{{instance}} {{mountpoint}}"}},
		},
		{
			"Time until file descriptors run out", "If it goes on like this. Normal: no line. Bad: below the dashed line, how far the alert FileDescriptorsRunOut looks ahead. Next: connections, in Distributed Flow.", "timeseries", "s", nothingFills, 8, "FileDescriptorsRunOut ahead", "Distributed Flow", "/d/eventflux-flow?${__url_time_range}&${__all_variables}", false,
			[]query{{`(eventflux_process_file_descriptor_limit{job=~"$job",instance=~"$instance"} - process_unix_file_descriptor_count{job=~"$job",instance=~"$instance"}) / (deriv(process_unix_file_descriptor_count{job=~"$job",instance=~"$instance"}[$__rate_interval]) > 0)`, "{{instance}}"}},
		},
		{
			"CPU in a day", "A straight line through the time shown, drawn on for a day: show hours. In percent of one core. Normal: room to the number of cores times 100 %. Bad: more than there is. Next: CPU by query.", "stat", "percent", silent, 6, "", "System Resources", toSystem, false,
			[]query{{`clamp_min(predict_linear(eventflux_cpu_usage_percent{job=~"$job",instance=~"$instance"}[$__range], 86400), 0)`, "{{instance}}"}},
		},
		{
			"Memory in a day", "A straight line through the time shown, drawn on for a day: show hours. Normal: what is used now. Bad: more than the engine may have. Next: Memory by query.", "stat", "bytes", silent, 6, "", "System Resources", toSystem, false,
			[]query{{`clamp_min(predict_linear(process_memory_usage_bytes{job=~"$job",instance=~"$instance"}[$__range], 86400), 0) and on (job, instance) eventflux_uptime_seconds`, "{{instance}}"}},
		},
		{
			"Room of queries", "Events per second that a worker of the query could handle if it never waited. Normal: far above its throughput. Bad: near it. Next: give it workers, or split it.", "timeseries", "eps", silent, 12, "", "The query", toQuery, false,
			[]query{{`sum by (query_id) (rate(query_events_processed_total{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval])) / (sum by (query_id) (rate(eventflux_query_busy_time_seconds_total{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval])) > 0)`, "{{query_id}}"}},
		},
		{
			"CPU by query", "The ten dearest, in cores. Normal: follows their throughput. Bad: rises alone. Next: the query, then CPU for a million events.", "timeseries", "none", silent, 12, "", "The query", toQuery, false,
			[]query{{`topk(10, sum by (query_id) (rate(eventflux_query_cpu_time_seconds_total{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval])))`, "{{query_id}}"}},
		},
		{
			"Memory by query", "Windows, groups, joins and patterns, and what waits: the ten largest. Normal: a level. Bad: rises all day. Next: the query, its windows.", "timeseries", "bytes", silent, 12, "", "The query", toQuery, false,
			[]query{{`topk(10, sum by (query_id) (eventflux_query_state_size_bytes{job=~"$job",instance=~"$instance",query_id=~"$query"}) + sum by (query_id) (eventflux_query_buffer_size_bytes{job=~"$job",instance=~"$instance",query_id=~"$query"}))`, "{{query_id}}"}},
		},
		{
			"CPU by tenant", "In cores, of engines that have eventflux.tenant among their resource attributes. Normal: follows what the tenant sends. Bad: one that takes the room of others. Next: CPU by query.", "timeseries", "none", noTenant, 8, "", "", "", false,
			[]query{{`sum by (eventflux_tenant) (sum by (job, instance) (rate(eventflux_query_cpu_time_seconds_total{job=~"$job",instance=~"$instance"}[$__rate_interval])) * on (job, instance) group_left(eventflux_tenant) target_info{job=~"$job",instance=~"$instance",eventflux_tenant!=""})`, "{{eventflux_tenant}}"}},
		},
		{
			"Memory by tenant", "Of engines that have eventflux.tenant among their resource attributes. Normal: a level. Bad: one that rises all day. Next: Memory by query.", "timeseries", "bytes", noTenant, 8, "", "", "", false,
			[]query{{`sum by (eventflux_tenant) (sum by (job, instance) (eventflux_memory_usage_bytes{job=~"$job",instance=~"$instance"}) * on (job, instance) group_left(eventflux_tenant) target_info{job=~"$job",instance=~"$instance",eventflux_tenant!=""})`, "{{eventflux_tenant}}"}},
		},
		{
			"CPU for a million events", "What a query costs, whatever comes in. Normal: flat. Bad: a step up with a deployment. Next: the query, and what changed.", "timeseries", "s", silent, 8, "", "The query", toQuery, false,
			[]query{{`1e6 * sum by (query_id) (rate(eventflux_query_cpu_time_seconds_total{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval])) / (sum by (query_id) (rate(query_events_processed_total{job=~"$job",instance=~"$instance",query_id=~"$query"}[$__rate_interval])) > 0)`, "{{query_id}}"}},
		},
	},
}
