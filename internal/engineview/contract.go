// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engineview

import "time"

// Contract is what one engine sends of the conventions, what it lacks and what
// it gets wrong. Its JSON is the contract of the document
// /engines/{id}/contract.
type Contract struct {
	// Name, InstanceID and Version are the engine's service.name,
	// service.instance.id and service.version.
	Name       string `json:"service_name"`
	InstanceID string `json:"service_instance_id"`
	Version    string `json:"service_version,omitempty"`
	// FirstSeen and LastSeen are arrival times by the collector's clock. What
	// follows is of the time between them.
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	// Sends are the metrics of the conventions that the engine sent, by name.
	Sends []string `json:"sends"`
	// Lacks are the metrics that it did not send of those that dashboards and
	// alerts rely on, by name.
	Lacks []string `json:"lacks"`
	// Violations are the rules that it broke, each once.
	Violations []Violation `json:"violations"`
}

// Violation is how an engine breaks one rule of the conventions.
type Violation struct {
	// Rule is its name, such as "wrong_unit".
	Rule string `json:"rule"`
	// Breaches is how often it was broken, Rejected how many points, spans and
	// log records were taken out for it.
	Breaches uint64 `json:"breaches"`
	Rejected uint64 `json:"rejected"`
	// First says what broke it first, and the way out. FirstSeen is when, and
	// LastSeen when it was broken last.
	First     string    `json:"first"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// ContractSource is implemented by a [Source] that also knows what engines send.
type ContractSource interface {
	// Contract returns a copy for each engine with the service.instance.id, which
	// are several only if engines of several names have the same, in order of
	// their names. It is safe for concurrent use.
	Contract(instance string) []Contract
}
