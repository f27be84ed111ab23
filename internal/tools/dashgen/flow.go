// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

const alone = "no data: these engines are no cluster"

var flow = dashboard{
	"eventflux-flow", "Distributed Flow",
	[]variable{job, instance},
	[]panel{
		{
			"Leaders", "Nodes that say that they lead, by cluster. Normal: 1. Bad: anything else, as the alert ClusterLeaders says. Next: heartbeats below, the runbook ClusterLeaders.", "stat", "none", alone, 6, "ClusterLeaders", "", "", false,
			[]query{{`sum by (job) (eventflux_cluster_is_leader{job=~"$job",instance=~"$instance",otel_metric_overflow=""})`, "{{job}}"}},
		},
		{
			"Nodes", "Members as the node that sees fewest of them sees them, by state. Normal: all healthy. Bad: offline or unknown. Next: heartbeats below, System Resources of that node.", "stat", "none", alone, 6, "", "System Resources", "/d/eventflux-system?${__url_time_range}&${__all_variables}", false,
			[]query{{`min by (eventflux_node_state) (eventflux_cluster_nodes{job=~"$job",instance=~"$instance"})`, "{{eventflux_node_state}}"}},
		},
		{
			"Heard of", "Time since the collector last heard of each engine. Normal: below the export interval. Bad: rises steadily. Next: the runbook EngineSilent.", "timeseries", "s", silent, 12, "", "System Resources", toSystem, false,
			[]query{{`eventflux_engine_last_seen_age_seconds{job=~"$job",instance=~"$instance"}`, "{{instance}}"}},
		},
		{
			"Messages between nodes", "By direction and type. Normal: what one node sends, another takes. Bad: out without in. Next: errors and queues below.", "timeseries", "cps", alone, 12, "", "", "", false,
			[]query{{`sum by (instance, eventflux_direction, eventflux_message_type) (rate(eventflux_transport_messages_total{job=~"$job",instance=~"$instance"}[$__rate_interval]))`, "{{instance}} {{eventflux_direction}} {{eventflux_message_type}}"}},
		},
		{
			"Share of messages that fail", "Bad: above the dashed line of the alert TransportErrors. Next: the runbook TransportErrors, the log of the node.", "timeseries", "percentunit", noErrors, 12, "TransportErrors", "", "", false,
			[]query{{`sum by (instance, protocol) (rate(eventflux_transport_errors_total{job=~"$job",instance=~"$instance"}[$__rate_interval])) / sum by (instance, protocol) (rate(eventflux_transport_messages_total{job=~"$job",instance=~"$instance"}[$__rate_interval]))`, "{{instance}} {{protocol}}"}},
		},
		{
			"Time to send", "99 of 100 messages are faster. Normal: some milliseconds. Bad: rises with the queue beside it. Next: an exemplar leads to the trace of a slow batch, over all nodes.", "timeseries", "s", alone, 8, "", "", "", true,
			[]query{{`histogram_quantile(0.99, sum by (instance, protocol, le) (rate(eventflux_transport_send_duration_seconds_bucket{job=~"$job",instance=~"$instance"}[$__rate_interval])))`, "{{instance}} {{protocol}}"}},
		},
		{
			"Messages that wait", "Normal: near 0. Bad: rises steadily, for the other node takes less than comes. Next: Stream Monitoring of the other node.", "timeseries", "none", alone, 8, "", "Stream Monitoring", "/d/eventflux-streams?${__url_time_range}&var-datasource=${datasource}", false,
			[]query{{`eventflux_transport_queue_depth{job=~"$job",instance=~"$instance"}`, "{{instance}} {{protocol}}"}},
		},
		{
			"Bytes between nodes", "By direction. Normal: follows the messages. Bad: flat at what the network can do. Next: compression, or fewer columns.", "timeseries", "Bps", alone, 8, "", "", "", false,
			[]query{{`sum by (instance, eventflux_direction) (rate(eventflux_transport_io_bytes_total{job=~"$job",instance=~"$instance"}[$__rate_interval]))`, "{{instance}} {{eventflux_direction}}"}},
		},
		{
			"Connections", "That are open. Normal: constant. Bad: a saw tooth, for they break and come back. Next: failed connections beside it.", "timeseries", "none", "no data: these engines have no connections", 8, "", "", "", false,
			[]query{{`sum by (instance, protocol) (connections_active{job=~"$job",instance=~"$instance"})`, "{{instance}} {{protocol}}"}},
		},
		{
			"Failed connections", "Per second. Bad: above the dashed line of the alert ConnectionErrors. Next: the runbook ConnectionErrors.", "timeseries", "cps", noErrors, 8, "ConnectionErrors", "", "", false,
			[]query{{`sum by (instance, protocol) (rate(connection_errors_total{job=~"$job",instance=~"$instance"}[$__rate_interval]))`, "{{instance}} {{protocol}}"}},
		},
		{
			"Heartbeats missed", "Per second. Normal: none. Bad: any that lasts: a node is away, or the network is. Next: Nodes above.", "timeseries", "cps", noErrors, 8, "", "", "", false,
			[]query{{`rate(eventflux_cluster_heartbeats_missed_total{job=~"$job",instance=~"$instance"}[$__rate_interval])`, "{{instance}}"}},
		},
		{
			"Source to sink", "99 of 100 events are confirmed by the sink's target faster than this, over all nodes. Normal: windows and the batch delay of the sink. Bad: rises. Next: an exemplar leads to the trace of a slow batch.", "timeseries", "s", silent, 12, "", "The stream", toStream, true,
			[]query{{`histogram_quantile(0.99, sum by (stream_name, le) (rate(eventflux_sink_end_to_end_latency_seconds_bucket{job=~"$job",instance=~"$instance"}[$__rate_interval])))`, "{{stream_name}}"}},
		},
		{
			"Traces that cross nodes", "Share of event messages that brought a trace context. Normal: constant, as sampling has it. Bad: 0, traces then end at the link. Next: the sampling of the sending node.", "timeseries", "percentunit", "no data: engines send this at level detail only", 12, "", "", "", false,
			[]query{{`sum by (instance) (rate(eventflux_transport_context_extracted_total{job=~"$job",instance=~"$instance",result="success"}[$__rate_interval])) / sum by (instance) (rate(eventflux_transport_messages_total{job=~"$job",instance=~"$instance",eventflux_direction="in",eventflux_message_type="event"}[$__rate_interval]))`, "{{instance}}"}},
		},
	},
}
