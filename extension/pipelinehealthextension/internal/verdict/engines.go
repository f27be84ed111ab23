// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"slices"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// parts are the sides of an engine, with what an engine says of them and where
// the verdict on them goes.
var parts = []struct {
	name    string
	says    func(engineview.Checks) engineview.Health
	check   func(*Report) *Check
	reasons func(*Report) *[]Reason
}{
	{
		"event_pipeline", func(c engineview.Checks) engineview.Health { return c.EventPipeline },
		func(r *Report) *Check { return &r.Checks.EventPipeline }, func(r *Report) *[]Reason { return &r.Details.EventPipeline },
	},
	{
		"state_backend", func(c engineview.Checks) engineview.Health { return c.StateBackend },
		func(r *Report) *Check { return &r.Checks.StateBackend }, func(r *Report) *[]Reason { return &r.Details.StateBackend },
	},
	{
		"query_runtime", func(c engineview.Checks) engineview.Health { return c.QueryRuntime },
		func(r *Report) *Check { return &r.Checks.QueryRuntime }, func(r *Report) *[]Reason { return &r.Details.QueryRuntime },
	},
}

// judgeEngines rolls up what engines say of their parts. An engine that is
// silent has no queries that run, whatever it said; one that said goodbye
// counts for nothing.
func judgeEngines(r *Report, e Evidence) {
	var silent, up []engineview.Engine
	for _, engine := range e.Engines {
		switch engine.State {
		case engineview.StateUp:
			up = append(up, engine)
			r.QueriesRunning += engine.Queries
			r.StreamsActive += engine.Streams
		case engineview.StateSilent:
			silent = append(silent, engine)
		case engineview.StateShutdown:
			r.Engines.Shutdown++
		}
	}
	r.Engines.Up, r.Engines.Silent = int64(len(up)), int64(len(silent))
	for _, part := range parts {
		check, reasons := part.check(r), part.reasons(r)
		var of opinions
		if check == &r.Checks.QueryRuntime {
			of = opinions{engines: len(up) + len(silent), failing: len(silent)}
			*reasons = append(*reasons, silenceReasons(silent, e.Now)...)
		}
		var bad []Reason
		for _, engine := range up {
			health := part.says(engine.Checks)
			of.take(health)
			if health > engineview.HealthOK {
				bad = append(bad, Reason{Text: fmt.Sprintf("engine %s (instance %s) says that its %s is %s",
					shorten(engine.Name), shorten(engine.InstanceID), part.name, health)})
			}
		}
		*check = worse(*check, of.check(e.AnyEngineFails))
		*reasons = append(*reasons, andMore(bad[:min(len(bad), maxReasons)], len(bad), "engines that say so")...)
	}
}

// opinions counts engines by what is known of one of their parts.
type opinions struct {
	engines           int // that count
	saying            int // of those that are up
	degraded, failing int
}

// take counts what an engine that is up says.
func (o *opinions) take(h engineview.Health) {
	switch h {
	case engineview.HealthUnhealthy:
		o.failing++
		o.saying++
	case engineview.HealthDegraded:
		o.degraded++
		o.saying++
	case engineview.HealthOK:
		o.saying++
	case engineview.HealthUnknown:
	}
}

// check rolls up: one engine that fails degrades, and all that count, or any of
// them if so wanted, are failure.
func (o opinions) check(anyFails bool) Check {
	count := max(o.engines, o.saying)
	switch {
	case o.failing > 0 && (anyFails || o.failing == count):
		return Fail
	case o.failing+o.degraded > 0:
		return Warn
	case count > 0:
		return OK
	default:
		return Unknown
	}
}

// silenceReasons names the engines that fell silent first: the others may have
// followed them.
func silenceReasons(silent []engineview.Engine, now time.Time) []Reason {
	slices.SortStableFunc(silent, func(a, b engineview.Engine) int { return a.LastSeen.Compare(b.LastSeen) })
	var reasons []Reason
	for _, engine := range silent[:min(len(silent), maxReasons)] {
		reasons = append(reasons, Reason{Text: fmt.Sprintf("engine %s (instance %s) is silent, %s",
			shorten(engine.Name), shorten(engine.InstanceID), since(engine.LastSeen, now))})
	}
	return andMore(reasons, len(silent), "silent engines")
}
