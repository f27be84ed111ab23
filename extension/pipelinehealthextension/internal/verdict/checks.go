// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// judgeChecks takes live engines at their word about their parts: the worst
// of them counts. An engine that says nothing changes nothing.
func judgeChecks(r *Report, e Evidence) {
	for _, part := range []struct {
		name    string
		of      func(engineview.Checks) engineview.Health
		check   *Check
		reasons *[]Reason
	}{
		{"event_pipeline", func(c engineview.Checks) engineview.Health { return c.EventPipeline }, &r.Checks.EventPipeline, &r.Details.EventPipeline},
		{"state_backend", func(c engineview.Checks) engineview.Health { return c.StateBackend }, &r.Checks.StateBackend, &r.Details.StateBackend},
		{"query_runtime", func(c engineview.Checks) engineview.Health { return c.QueryRuntime }, &r.Checks.QueryRuntime, &r.Details.QueryRuntime},
	} {
		var said []Reason
		*part.check, said = judgePart(*part.check, part.name, part.of, e.Engines)
		*part.reasons = append(*part.reasons, said...)
	}
}

// judgePart asks every live engine for one part.
func judgePart(c Check, name string, of func(engineview.Checks) engineview.Health, engines []engineview.Engine) (Check, []Reason) {
	var reasons []Reason
	total := 0
	for _, engine := range engines {
		if engine.State != engineview.StateUp {
			continue
		}
		health := of(engine.Checks)
		c = after(c, health)
		if health <= engineview.HealthOK {
			continue
		}
		if total++; total <= maxReasons {
			reasons = append(reasons, Reason{Text: fmt.Sprintf("engine %s (instance %s) says that its %s is %s",
				shorten(engine.Name), shorten(engine.InstanceID), name, health)})
		}
	}
	return c, andMore(reasons, total, "engines that say so")
}

// after returns what is left of a check once an engine has said how it is.
func after(c Check, health engineview.Health) Check {
	switch health {
	case engineview.HealthUnhealthy:
		return Fail
	case engineview.HealthDegraded:
		return worst(c, Warn)
	case engineview.HealthOK:
		if c == Unknown {
			return OK
		}
	case engineview.HealthUnknown:
	}
	return c
}
