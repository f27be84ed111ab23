// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import "slices"

// Status is the one word about collector and engines together.
type Status string

// The values of a status.
const (
	Healthy      Status = "healthy"
	Degraded     Status = "degraded"
	Unhealthy    Status = "unhealthy"
	Starting     Status = "starting"
	ShuttingDown Status = "shutting_down"
)

// Statuses are all values of a status, the best first.
var Statuses = []Status{Healthy, Degraded, Unhealthy, Starting, ShuttingDown}

// Serving says whether a collector of this status does its work, well or not
// so well.
func (s Status) Serving() bool {
	return s == Healthy || s == Degraded
}

// Worse says whether s is bad news after before. Starting and shutting down
// are news, but neither good nor bad.
func (s Status) Worse(before Status) bool {
	return s.badness() > before.badness()
}

func (s Status) badness() int {
	switch s {
	case Degraded:
		return 1
	case Unhealthy:
		return 2
	case Healthy, Starting, ShuttingDown:
	}
	return 0
}

// Check is the verdict on one side of the system.
type Check string

// The values of a check. Unknown means that there is no evidence, and does not
// worsen the status.
const (
	OK      Check = "ok"
	Warn    Check = "degraded"
	Fail    Check = "fail"
	Unknown Check = "unknown"
)

// AllChecks are all values of a check.
var AllChecks = []Check{OK, Warn, Fail, Unknown}

// Checks are the verdicts of which the status is the worst.
type Checks struct {
	EventPipeline Check `json:"event_pipeline"`
	StateBackend  Check `json:"state_backend"`
	QueryRuntime  Check `json:"query_runtime"`
}

// CheckNames are the names of the checks.
var CheckNames = []string{"event_pipeline", "state_backend", "query_runtime"}

// without returns the checks of which the excluded ones do not count.
func (c Checks) without(excluded []string) Checks {
	for i, check := range []*Check{&c.EventPipeline, &c.StateBackend, &c.QueryRuntime} {
		if slices.Contains(excluded, CheckNames[i]) {
			*check = Unknown
		}
	}
	return c
}

// requires says what is wrong with the required checks.
func (c Checks) requires(names []string) (wrong string) {
	for i, check := range []Check{c.EventPipeline, c.StateBackend, c.QueryRuntime} {
		if slices.Contains(names, CheckNames[i]) && (check == Warn || check == Fail) {
			return CheckNames[i] + " is " + string(check)
		}
	}
	return ""
}

// Engines counts the engines by what is known about their life.
type Engines struct {
	Up       int64 `json:"up"`
	Silent   int64 `json:"silent"`
	Shutdown int64 `json:"shutdown"`
}

// Destinations counts the addresses that exporters send to by whether something
// is wrong with them.
type Destinations struct {
	OK      int `json:"ok"`
	Failing int `json:"failing"`
}

// Reason is a sentence on why a check is not ok.
type Reason struct {
	// Text is for everybody who may ask.
	Text string
	// Err is the error of the component, for the log only.
	Err string
}

// MarshalText returns the text alone.
func (r Reason) MarshalText() ([]byte, error) {
	return []byte(r.Text), nil
}

// String returns all that is known.
func (r Reason) String() string {
	if r.Err == "" {
		return r.Text
	}
	return r.Text + ": " + r.Err
}

// Details are the reasons for each check that is not ok, and what no check looks at.
type Details struct {
	EventPipeline []Reason `json:"event_pipeline,omitempty"`
	StateBackend  []Reason `json:"state_backend,omitempty"`
	QueryRuntime  []Reason `json:"query_runtime,omitempty"`
	// NotSeen is what could be known and is not.
	NotSeen []Reason `json:"not_seen,omitempty"`
}

// Report is the document of GET /health. The first six keys are the ones that
// EventFlux promises.
type Report struct {
	Status         Status       `json:"status"`
	UptimeSeconds  int64        `json:"uptime_seconds"`
	QueriesRunning int64        `json:"queries_running"`
	StreamsActive  int          `json:"streams_active"`
	MemoryUsageMB  uint64       `json:"memory_usage_mb"`
	Checks         Checks       `json:"checks"`
	Engines        Engines      `json:"engines"`
	Destinations   Destinations `json:"destinations"`
	Details        Details      `json:"details,omitzero"`
	// Excluded are the checks that do not count for the status.
	Excluded []string `json:"excluded,omitempty"`
	Seen     *Seen    `json:"seen,omitempty"`
}

// Readiness is the document of GET /ready.
type Readiness struct {
	Ready bool
	// Reason says why not.
	Reason string
}
