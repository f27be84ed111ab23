// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import "github.com/eventflux-io/eventflux-otel/sdk/internal/export"

// latencyBounds are the upper bucket bounds of query.latency in seconds: an in-memory engine answers in
// microseconds, a stuck one in seconds.
var latencyBounds = []float64{
	10e-6, 50e-6, 100e-6, 500e-6, 1e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10,
}

// The metrics of the requirements. Name, unit and kind together decide the Prometheus name, so none of them may
// change: a gauge of unit "1" would gain "_ratio", a monotonic uptime would gain "_total".
var (
	queryEventsProcessed = &export.Family{
		Name: "query.events.processed", Unit: "{event}", Kind: export.Counter,
		Description: "Events a query has taken in.",
	}
	queryEventsEmitted = &export.Family{
		Name: "query.events.emitted", Unit: "{event}", Kind: export.Counter,
		Description: "Events a query has put out.",
	}
	queryLatency = &export.Family{
		Name: "query.latency", Unit: "s", Kind: export.Histogram, Bounds: latencyBounds,
		Description: "Time a batch spends inside a query, from junction hand-over to the last emission caused by it.",
	}
	queryExecutionErrors = &export.Family{
		Name: "query.execution.errors", Unit: "{error}", Kind: export.Counter,
		Description: "Errors while a query handled a batch.",
	}
	queryActiveCount = &export.Family{
		Name: "query.active.count", Unit: "{query}", Kind: export.UpDown,
		Description: "Queries that are deployed.",
	}
	queryWindowSize = &export.Family{
		Name: "query.window.size", Unit: "By", Kind: export.UpDown,
		Description: "Memory held by the windows of a query.",
	}
	queryBufferUtilization = &export.Family{
		Name: "query.buffer.utilization", Unit: "{utilization}", Kind: export.Gauge,
		Description: "Share of a query's input buffer that is in use, 0 to 1.",
	}
	streamEventsReceived = &export.Family{
		Name: "stream.events.received", Unit: "{event}", Kind: export.Counter,
		Description: "Events that entered a stream.",
	}
	streamEventsSent = &export.Family{
		Name: "stream.events.sent", Unit: "{event}", Kind: export.Counter,
		Description: "Events a stream handed to its subscribers.",
	}
	streamSubscribersActive = &export.Family{
		Name: "stream.subscribers.active", Unit: "{subscriber}", Kind: export.UpDown,
		Description: "Subscribers of a stream.",
	}
	streamBackpressureEvents = &export.Family{
		Name: "stream.backpressure.events", Unit: "{event}", Kind: export.Counter,
		Description: "Events that met a full buffer.",
	}
	streamBufferSize = &export.Family{
		Name: "stream.buffer.size", Unit: "By", Kind: export.UpDown,
		Description: "Memory held by the buffer of a stream.",
	}
	streamOldestEventAge = &export.Family{
		Name: "stream.oldest_event.age", Unit: "s", Kind: export.Gauge,
		Description: "Age of the oldest event waiting in a stream.",
	}
	eventfluxUptime = &export.Family{
		Name: "eventflux.uptime", Unit: "s", Kind: export.Gauge,
		Description: "Time since the engine started.",
	}
	eventfluxMemoryUsage = &export.Family{
		Name: "eventflux.memory.usage", Unit: "By", Kind: export.UpDown,
		Description: "Memory in use by one component of the engine.",
	}
	eventfluxCPUUsage = &export.Family{
		Name: "eventflux.cpu.usage", Unit: "%", Kind: export.Gauge,
		Description: "CPU time used by the process since the last collection, in percent of one core.",
	}
	eventfluxThreadsActive = &export.Family{
		Name: "eventflux.threads.active", Unit: "{thread}", Kind: export.UpDown,
		Description: "Operating system threads of the process.",
	}
	connectionsActive = &export.Family{
		Name: "connections.active", Unit: "{connection}", Kind: export.UpDown,
		Description: "Connections that are open.",
	}
	connectionsTotal = &export.Family{
		Name: "connections", Unit: "{connection}", Kind: export.Counter,
		Description: "Attempts to connect, by result.",
	}
	connectionErrors = &export.Family{
		Name: "connection.errors", Unit: "{error}", Kind: export.Counter,
		Description: "Failed attempts to connect and connections that broke.",
	}
)

// families lists the metrics in the order of the requirements, and then those of health.
func families() []*export.Family {
	return append([]*export.Family{
		queryEventsProcessed, queryEventsEmitted, queryLatency, queryExecutionErrors, queryActiveCount,
		queryWindowSize, queryBufferUtilization,
		streamEventsReceived, streamEventsSent, streamSubscribersActive,
		streamBackpressureEvents, streamBufferSize, streamOldestEventAge,
		eventfluxUptime, eventfluxMemoryUsage, eventfluxCPUUsage, eventfluxThreadsActive,
		connectionsActive, connectionsTotal, connectionErrors,
	}, healthFamilies()...)
}
