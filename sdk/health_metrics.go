// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/export"
)

// Attribute keys of health.
const (
	keyHealthCheck    = attribute.Key("eventflux.health.check")
	keyHealthState    = attribute.Key("eventflux.health.state")
	keyHealthPrevious = attribute.Key("eventflux.health.previous_state")
	keyHealthMessage  = attribute.Key("eventflux.health.message")
	keyTrendWindow    = attribute.Key("eventflux.trend.window")
)

// eventHealthChanged is the name of the log event of a change of status.
const eventHealthChanged = "eventflux.health.changed"

// The metrics of health. Those with eventflux.health.check carry the whole too, as the check health.Overall.
var (
	healthStatus = &export.Family{
		Name: "eventflux.health.status", Unit: "{check}", Kind: export.UpDown,
		Description: "1 for the state a health check is in, 0 for the others.",
	}
	healthReady = &export.Family{
		Name: "eventflux.health.ready", Unit: "{engine}", Kind: export.UpDown,
		Description: "1 if the engine may be given work, 0 if not.",
	}
	healthScore = &export.Family{
		Name: "eventflux.health.score", Unit: "{score}", Kind: export.Gauge,
		Description: "How well a pipeline keeps up, from 0 to 1; below 0.5 it is degraded.",
	}
	healthCheckDuration = &export.Family{
		Name: "eventflux.health.check.duration", Unit: "s", Kind: export.Histogram, Bounds: latencyBounds,
		Description: "Time a health check took, or its timeout if it did not answer in time.",
	}
	healthCheckFailures = &export.Family{
		Name: "eventflux.health.check.failures", Unit: "{failure}", Kind: export.Counter,
		Description: "Runs of a health check that found its part unhealthy.",
	}
	healthTransitions = &export.Family{
		Name: "eventflux.health.transitions", Unit: "{transition}", Kind: export.Counter,
		Description: "Changes of a health check to a state.",
	}
	healthTrendThroughput = &export.Family{
		Name: "eventflux.health.trend.throughput", Unit: "{event}/s", Kind: export.Gauge,
		Description: "Events that arrived in a pipeline per second, averaged over a window.",
	}
	healthTrendLatency = &export.Family{
		Name: "eventflux.health.trend.latency", Unit: "s", Kind: export.Gauge,
		Description: "Latency of a pipeline, averaged over a window.",
	}
	healthTrendScore = &export.Family{
		Name: "eventflux.health.trend.score", Unit: "{score}", Kind: export.Gauge,
		Description: "Health score of a pipeline, averaged over a window.",
	}
)

func healthFamilies() []*export.Family {
	return []*export.Family{
		healthStatus, healthReady, healthScore, healthCheckDuration, healthCheckFailures, healthTransitions,
		healthTrendThroughput, healthTrendLatency, healthTrendScore,
	}
}
