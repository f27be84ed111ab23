// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package verdict turns evidence into the health document. It has no clock, no
// logger and no state.
package verdict

import (
	"fmt"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// The values of status.
const (
	Healthy      = "healthy"
	Degraded     = "degraded"
	Unhealthy    = "unhealthy"
	Starting     = "starting"
	ShuttingDown = "shutting_down"
)

// The values of a check. Unknown means that there is no evidence yet, and does
// not worsen the status.
const (
	OK      = "ok"
	Warn    = "degraded"
	Fail    = "fail"
	Unknown = "unknown"
)

// Phase is where the collector is in its life.
type Phase int

// The phases in their order.
const (
	PhaseStarting Phase = iota
	PhaseRunning
	PhaseStopping
)

// Evidence is what is known at Now.
type Evidence struct {
	Now         time.Time
	Started     time.Time // of the process
	Phase       Phase
	MemoryBytes uint64
	// Failing and Recoverable name the components whose last reported status
	// is a permanent error or a recoverable one.
	Failing, Recoverable []string
	Engines              []engineview.Engine
}

// Checks are the three verdicts of which the status is the worst.
type Checks struct {
	EventPipeline string `json:"event_pipeline"`
	StateBackend  string `json:"state_backend"`
	QueryRuntime  string `json:"query_runtime"`
}

// Report is the document of GET /health.
type Report struct {
	Status         string   `json:"status"`
	UptimeSeconds  int64    `json:"uptime_seconds"`
	QueriesRunning int64    `json:"queries_running"`
	StreamsActive  int      `json:"streams_active"`
	MemoryUsageMB  uint64   `json:"memory_usage_mb"`
	Checks         Checks   `json:"checks"`
	Details        []string `json:"details,omitempty"`
}

// Judge makes the report. One silent engine degrades, all of them make it
// unhealthy, and an engine that said goodbye counts as neither.
func Judge(e Evidence) Report {
	r := Report{
		UptimeSeconds: int64(e.Now.Sub(e.Started) / time.Second),
		MemoryUsageMB: e.MemoryBytes >> 20,
		Checks:        Checks{EventPipeline: OK, StateBackend: Unknown, QueryRuntime: Unknown},
	}
	judgePipeline(&r, e)
	judgeEngines(&r, e)
	r.Status = status(e.Phase, r.Checks)
	return r
}

func judgePipeline(r *Report, e Evidence) {
	for _, c := range e.Recoverable {
		r.Checks.EventPipeline = Warn
		r.Details = append(r.Details, c+" reports a recoverable error")
	}
	for _, c := range e.Failing {
		r.Checks.EventPipeline = Fail
		r.Details = append(r.Details, c+" reports a permanent error")
	}
}

func judgeEngines(r *Report, e Evidence) {
	var up, silent int
	for _, engine := range e.Engines {
		switch engine.State {
		case engineview.StateUp:
			up++
			r.QueriesRunning += engine.Queries
			r.StreamsActive += engine.Streams
		case engineview.StateSilent:
			silent++
			r.Details = append(r.Details, fmt.Sprintf("engine %s of %s is silent since %s",
				engine.InstanceID, engine.Name, engine.LastSeen.UTC().Format(time.RFC3339)))
		case engineview.StateShutdown:
		}
	}
	switch {
	case silent > 0 && up > 0:
		r.Checks.QueryRuntime = Warn
	case silent > 0:
		r.Checks.QueryRuntime = Fail
	case up > 0:
		r.Checks.QueryRuntime = OK
	}
}

func status(p Phase, c Checks) string {
	switch p {
	case PhaseStarting:
		return Starting
	case PhaseStopping:
		return ShuttingDown
	case PhaseRunning:
	}
	worst := Healthy
	for _, check := range []string{c.EventPipeline, c.StateBackend, c.QueryRuntime} {
		switch check {
		case Fail:
			return Unhealthy
		case Warn:
			worst = Degraded
		}
	}
	return worst
}
