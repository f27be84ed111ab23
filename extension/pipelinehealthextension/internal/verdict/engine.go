// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"cmp"
	"fmt"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// Engine is the document of GET /health/engines/{id}. The first six keys are
// those of a Report, of the engine alone.
type Engine struct {
	Status         Status `json:"status"`
	UptimeSeconds  int64  `json:"uptime_seconds"`
	QueriesRunning int64  `json:"queries_running"`
	StreamsActive  int    `json:"streams_active"`
	MemoryUsageMB  int64  `json:"memory_usage_mb"`
	Checks         Checks `json:"checks"`

	Name     string              `json:"name"`
	Instance string              `json:"instance"`
	Version  string              `json:"version,omitempty"`
	State    string              `json:"state"`
	Evidence engineview.Evidence `json:"evidence,omitempty"`
	LastSeen time.Time           `json:"last_seen"`
	Items    engineview.Items    `json:"items"`
}

// JudgeEngine makes the document of one engine.
func JudgeEngine(e *engineview.Engine, now time.Time) Engine {
	v := Engine{
		QueriesRunning: e.Queries,
		StreamsActive:  e.Streams,
		MemoryUsageMB:  e.MemoryBytes >> 20,
		Name:           e.Name,
		Instance:       e.InstanceID,
		Version:        e.Version,
		State:          e.State.String(),
		Evidence:       e.Evidence,
		LastSeen:       e.LastSeen.UTC(),
		Items:          e.Items,
	}
	if !e.Started.IsZero() {
		v.UptimeSeconds = max(0, int64(now.Sub(e.Started)/time.Second))
	}
	switch e.State {
	case engineview.StateUp:
		if e.Leaving {
			v.Status = ShuttingDown
		}
		v.Checks = Checks{
			EventPipeline: checkOf(e.Checks.EventPipeline),
			StateBackend:  checkOf(e.Checks.StateBackend),
			QueryRuntime:  worse(OK, checkOf(e.Checks.QueryRuntime)), // an engine that is up runs its queries, unless it says otherwise
		}
		v.Status = cmp.Or(v.Status, v.Checks.status())
	case engineview.StateSilent:
		v.Checks = Checks{EventPipeline: Unknown, StateBackend: Unknown, QueryRuntime: Fail}
		v.Status = Unhealthy
	default:
		v.Checks = Checks{EventPipeline: Unknown, StateBackend: Unknown, QueryRuntime: Unknown}
		v.Status = ShuttingDown
	}
	return v
}

func checkOf(h engineview.Health) Check {
	var o opinions
	o.take(h)
	return o.check(false)
}

// ReadyEngine says whether to send work to the engines with one identity, which
// all must be ready. Of an engine that nobody has heard of nothing is known, and
// none is sent.
func ReadyEngine(engines []engineview.Engine) Readiness {
	for i := range engines {
		switch e := &engines[i]; {
		case e.State == engineview.StateShutdown, e.Leaving:
			return Readiness{Reason: "shutting down"}
		case e.State != engineview.StateUp:
			return Readiness{Reason: "silent: " + string(e.Evidence)}
		case e.Checks.QueryRuntime == engineview.HealthUnhealthy:
			return Readiness{Reason: "it says that its query_runtime is unhealthy"}
		}
	}
	if len(engines) == 0 {
		return Readiness{Reason: "no such engine was heard of"}
	}
	return Readiness{Ready: true}
}

// Dead says why an engine is certainly dead, empty if it may live. That nothing
// was heard of it, lately or ever, proves nothing: this process may have started
// anew, or the network be gone.
func Dead(engines []engineview.Engine) (why string) {
	for i := range engines {
		e := &engines[i]
		if e.State != engineview.StateSilent || e.Evidence == engineview.EvidenceMissedExports {
			return ""
		}
		why = fmt.Sprintf("its last connection ended, and it did not come back (%s)", e.Evidence)
	}
	return why
}
