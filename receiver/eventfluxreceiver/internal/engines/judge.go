// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

func (r *Registry) view(e *engine, now time.Time) engineview.Engine {
	for stream, at := range e.streams {
		if now.Sub(time.Unix(0, at)) >= r.limits.SilentAfter {
			delete(e.streams, stream)
		}
	}
	state, evidence := r.judge(e, now)
	return engineview.Engine{
		Name:        e.id.Name,
		InstanceID:  e.id.Instance,
		Version:     e.version,
		Started:     e.process.Started,
		MemoryBytes: e.memory,
		FirstSeen:   e.firstSeen,
		LastSeen:    e.lastSeen,
		State:       state,
		Evidence:    evidence,
		Leaving:     !e.leaving.IsZero() && now.Sub(e.leaving) < r.patience(e),
		Queries:     e.queries,
		Streams:     len(e.streams),
		Items:       e.account.items(),
		Checks: engineview.Checks{
			EventPipeline: r.recent(e.pipeline, now),
			StateBackend:  r.recent(e.state, now),
			QueryRuntime:  r.recent(e.runtime, now),
		},
	}
}

// recent returns what was said unless the engine stopped saying it.
func (r *Registry) recent(v verdict, now time.Time) engineview.Health {
	if now.Sub(v.at) >= r.limits.SilentAfter {
		return engineview.HealthUnknown
	}
	return v.health
}

// judge weighs the evidence, the strongest first.
func (r *Registry) judge(e *engine, now time.Time) (engineview.State, engineview.Evidence) {
	switch {
	case r.follows(e, now):
		return e.report.State, engineview.EvidenceReport
	case !e.goodbye.IsZero():
		return engineview.StateShutdown, engineview.EvidenceGoodbye
	case len(e.connections) > 0 && now.Sub(e.lastSeen) < max(r.limits.SilentAfter, r.limits.SilentAtMost):
		return engineview.StateUp, engineview.EvidenceConnection
	case !e.disconnected.IsZero() && now.Sub(e.disconnected) >= r.limits.Grace:
		return engineview.StateSilent, engineview.EvidenceConnectionLost
	case e.report.State > engineview.StateUp && !r.own(e) && e.lastSeen.Before(e.report.at.Add(oneExport)):
		return e.report.State, engineview.EvidenceReport
	case now.Sub(e.lastSeen) >= r.patience(e):
		return engineview.StateSilent, engineview.EvidenceMissedExports
	default:
		return engineview.StateUp, engineview.EvidenceData
	}
}

// patience is how long the engine may send nothing. Behind an agent that was lost
// it has no way to send, so that there is nothing to be lenient about.
func (r *Registry) patience(e *engine) time.Duration {
	if !e.report.broken.IsZero() && e.rhythm.interval() == 0 {
		return r.limits.SilentAfter
	}
	return r.patienceOf(&e.rhythm)
}

func (r *Registry) patienceOf(learnt *rhythm) time.Duration {
	learned := patienceFactor * learnt.interval()
	if learned == 0 {
		learned = r.limits.SilentAtMost
	}
	return max(r.limits.SilentAfter, min(learned, r.limits.SilentAtMost))
}
