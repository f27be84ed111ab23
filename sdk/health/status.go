// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import "fmt"

// Status says how a part of the engine, or all of it, is.
type Status uint8

const (
	// Unknown is a part before its first result, or one that cannot tell. It is no alarm.
	Unknown Status = iota
	// Healthy does its work.
	Healthy
	// Degraded does its work, but worse than it should.
	Degraded
	// Unhealthy does not do its work.
	Unhealthy
	// ShuttingDown is the whole engine after SetShuttingDown. No part has this status.
	ShuttingDown
)

// String returns "unknown", "healthy", "degraded", "unhealthy" or "shutting_down".
func (s Status) String() string {
	switch s {
	case Unknown:
		return "unknown"
	case Healthy:
		return "healthy"
	case Degraded:
		return "degraded"
	case Unhealthy:
		return "unhealthy"
	case ShuttingDown:
		return "shutting_down"
	default:
		return fmt.Sprintf("status(%d)", uint8(s))
	}
}

// MarshalText implements encoding.TextMarshaler with the spellings of String.
func (s Status) MarshalText() ([]byte, error) {
	return []byte(s.String()), nil
}

// Severity says how much a part matters to the whole. The zero Severity is Critical.
type Severity uint8

const (
	// Critical is a part without which the engine is of no use: if it is Unhealthy, so is the whole, and the
	// engine is not ready.
	Critical Severity = iota
	// Warning is a part that the engine can do without for a while: the whole is Degraded at most.
	Warning
)

// String returns "critical" or "warning".
func (s Severity) String() string {
	switch s {
	case Critical:
		return "critical"
	case Warning:
		return "warning"
	default:
		return fmt.Sprintf("severity(%d)", uint8(s))
	}
}
