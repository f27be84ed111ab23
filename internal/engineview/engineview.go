// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package engineview is the contract between the component that sees engines,
// the eventflux receiver, and the component that judges them, the
// pipeline_health extension.
//
// The receiver looks the extension up by the ID in its configuration,
// asserts [Registry] and registers a [Source]. Both sides work alone: a
// receiver without an extension keeps its list to itself, an extension without
// a receiver knows no engines and says "unknown".
package engineview

import (
	"cmp"
	"time"

	"go.opentelemetry.io/collector/component"
)

// State says what is known about an engine's life.
type State uint8

const (
	// StateUp means that the engine sends, or holds a connection.
	StateUp State = iota + 1
	// StateSilent means that the engine stopped sending, or lost its last
	// connection, without a goodbye.
	StateSilent
	// StateShutdown means that the engine said goodbye. It is not an alarm.
	StateShutdown
)

// String returns the state's name in lower case.
func (s State) String() string {
	switch s {
	case StateUp:
		return "up"
	case StateSilent:
		return "silent"
	case StateShutdown:
		return "shutdown"
	default:
		return "unknown"
	}
}

// Evidence says what a [State] rests on.
type Evidence string

const (
	// EvidenceData means that the engine is up because data arrived lately.
	EvidenceData Evidence = "data"
	// EvidenceConnection means that the engine is up because it holds a
	// connection, whether or not it sends.
	EvidenceConnection Evidence = "connection"
	// EvidenceConnectionLost means that the engine's last connection ended and it
	// did not come back.
	EvidenceConnectionLost Evidence = "connection_lost"
	// EvidenceMissedExports means that the engine sent nothing for much longer
	// than it used to.
	EvidenceMissedExports Evidence = "missed_exports"
	// EvidenceGoodbye means that the engine announced its end.
	EvidenceGoodbye Evidence = "goodbye"
	// EvidenceReport means that another receiver, one nearer to the engine, says
	// so.
	EvidenceReport Evidence = "report"
)

// Engine is what a receiver knows about one engine process at one moment.
type Engine struct {
	// Name is the engine's service.name.
	Name string
	// InstanceID is the engine's service.instance.id, unique among live engines.
	InstanceID string
	// Version is the engine's service.version, empty when it sent none.
	Version string
	// Started is when the process began by what it says of itself, zero if it
	// says nothing.
	Started time.Time
	// MemoryBytes is what the process says that it uses, 0 if it says nothing.
	MemoryBytes int64
	// FirstSeen and LastSeen are arrival times by the collector's clock.
	FirstSeen, LastSeen time.Time
	// State is the verdict at the time asked for.
	State State
	// Evidence is what State rests on.
	Evidence Evidence
	// Leaving says that the engine has announced its end and works on until then.
	Leaving bool
	// Queries is the engine's last query.active.count, 0 before the first one.
	Queries int64
	// Streams is the number of distinct streams the engine reports.
	Streams int
	// Checks are the engine's own verdicts on its parts.
	Checks Checks
	// Items are what it sent while it is known.
	Items Items
}

// Items counts data points, spans and log records by what became of them. Points
// that a repair of the contract took out are in none of the three.
type Items struct {
	// Accepted is what the pipeline took.
	Accepted uint64 `json:"accepted"`
	// Refused is what it or the receiver did not take. What is sent again counts again.
	Refused uint64 `json:"refused"`
	// Rejected is what was taken out because it breaks the contract.
	Rejected uint64 `json:"rejected"`
}

// Checks are the health checks of an engine that the collector knows by name.
type Checks struct {
	EventPipeline, StateBackend, QueryRuntime Health
}

// Or returns c with the verdicts of other where c has none.
func (c Checks) Or(other Checks) Checks {
	return Checks{
		EventPipeline: cmp.Or(c.EventPipeline, other.EventPipeline),
		StateBackend:  cmp.Or(c.StateBackend, other.StateBackend),
		QueryRuntime:  cmp.Or(c.QueryRuntime, other.QueryRuntime),
	}
}

// Health is an engine's verdict on one of its parts.
type Health uint8

const (
	// HealthUnknown means that the engine says nothing, or cannot tell.
	HealthUnknown Health = iota
	// HealthOK means that the part does its work.
	HealthOK
	// HealthDegraded means that the part works worse than it should.
	HealthDegraded
	// HealthUnhealthy means that the part does not work.
	HealthUnhealthy
)

// ParseHealth reads the values of the attribute eventflux.health.state. What
// it does not know is HealthUnknown.
func ParseHealth(state string) Health {
	switch state {
	case "healthy":
		return HealthOK
	case "degraded":
		return HealthDegraded
	case "unhealthy":
		return HealthUnhealthy
	default:
		return HealthUnknown
	}
}

// String returns the spelling that ParseHealth reads.
func (h Health) String() string {
	switch h {
	case HealthOK:
		return "healthy"
	case HealthDegraded:
		return "degraded"
	case HealthUnhealthy:
		return "unhealthy"
	default:
		return "unknown"
	}
}

// Source lists the engines that one receiver has seen.
type Source interface {
	// Engines returns a copy, ordered by name and instance, with each state
	// judged at now. It is safe for concurrent use.
	Engines(now time.Time) []Engine
}

// Registry is implemented by an extension that wants to know the engines.
type Registry interface {
	// RegisterEngines adds the source of one receiver and returns the function
	// that removes it again. Both are safe for concurrent use; removing twice
	// does nothing.
	RegisterEngines(receiver component.ID, source Source) (unregister func())
}
