// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package verdict turns evidence into the health document. It has no clock, no
// logger and no state.
package verdict

import (
	"fmt"
	"strings"
	"time"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/disk"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/drain"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/signals"
	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// The bounds of what the document says about one check.
const (
	maxReasons   = 20
	maxNameBytes = 128
)

// Evidence is what is known at Now.
type Evidence struct {
	Now         time.Time
	Started     time.Time // of the process
	Phase       drain.Phase
	MemoryBytes uint64
	// RecoveryDuration is how long a recoverable error may last before it
	// counts as permanent.
	RecoveryDuration time.Duration
	Troubles         []signals.Trouble
	Outside          Outside
	Engines          []engineview.Engine
	// AnyEngineFails makes one failing engine a failure of the whole. Without it, all must
	// fail, and one degrades.
	AnyEngineFails bool
	// Storage names the storage extension that is written to, if there is one, and
	// Disk is what becomes of that.
	Storage string
	Disk    disk.Verdict
	// Exclude are names of checks that are not to count.
	Exclude []string
}

// Judge makes the report.
func Judge(e Evidence) Report {
	r := Report{
		UptimeSeconds: max(0, int64(e.Now.Sub(e.Started)/time.Second)),
		MemoryUsageMB: e.MemoryBytes >> 20,
		Checks:        Checks{EventPipeline: Unknown, StateBackend: Unknown, QueryRuntime: Unknown},
	}
	judgePipeline(&r, e)
	judgeOutside(&r, e)
	judgeStorage(&r, e)
	judgeEngines(&r, e)
	r.Status = status(e.Phase, r.Checks.without(e.Exclude))
	r.Excluded = e.Exclude
	return r
}

// Ready says whether to send work here. Refuses names a component that refuses
// data because memory is short, if there is one.
func Ready(p drain.Phase, refuses string) Readiness {
	switch p {
	case drain.Starting:
		return Readiness{Reason: "starting"}
	case drain.Stopping:
		return Readiness{Reason: "shutting down"}
	case drain.Running:
	}
	if refuses != "" {
		return Readiness{Reason: shorten(refuses) + " refuses data: memory is short"}
	}
	return Readiness{Ready: true}
}

// Requiring makes r depend on the required checks, too.
func (r Readiness) Requiring(names []string, c Checks) Readiness {
	if wrong := c.requires(names); r.Ready && wrong != "" {
		return Readiness{Reason: wrong}
	}
	return r
}

// judgePipeline takes the components at their word. Silence is good news once
// the pipelines run: a component reports errors, not progress.
func judgePipeline(r *Report, e Evidence) {
	if e.Phase != drain.Starting {
		r.Checks.EventPipeline = OK
	}
	for _, t := range e.Troubles {
		r.Checks.EventPipeline = worse(r.Checks.EventPipeline, gravity(t, e))
	}
	for _, t := range e.Troubles[:min(len(e.Troubles), maxReasons)] {
		r.Details.EventPipeline = append(r.Details.EventPipeline, troubleReason(t, e))
	}
	r.Details.EventPipeline = andMore(r.Details.EventPipeline, len(e.Troubles), "components in trouble")
}

func gravity(t signals.Trouble, e Evidence) Check {
	if t.Severity == signals.Permanent || e.Now.Sub(t.Since) >= e.RecoveryDuration {
		return Fail
	}
	return Warn
}

func troubleReason(t signals.Trouble, e Evidence) Reason {
	kind := "a permanent error"
	if t.Severity == signals.Recoverable {
		kind = "a recoverable error"
		if gravity(t, e) == Fail {
			kind = fmt.Sprintf("an error that did not recover within %s", e.RecoveryDuration)
		}
	}
	return Reason{Text: fmt.Sprintf("%s reports %s, %s", t.Component, kind, since(t.Since, e.Now)), Err: t.Err}
}

// judgeStorage adds what the collector itself finds to what engines say of theirs.
func judgeStorage(r *Report, e Evidence) {
	r.Checks.StateBackend = worse(r.Checks.StateBackend, map[disk.State]Check{
		disk.Unknown: Unknown, disk.Well: OK, disk.Shaky: Warn, disk.Broken: Fail,
	}[e.Disk.State])
	if e.Disk.State <= disk.Well {
		return
	}
	what := "cannot be written to"
	if e.Disk.Err == "" {
		what = "is slow"
	}
	r.Details.StateBackend = append(r.Details.StateBackend, Reason{
		Text: fmt.Sprintf("the storage %s %s, %s", shorten(e.Storage), what, since(e.Disk.Since, e.Now)), Err: e.Disk.Err,
	})
}

func andMore(reasons []Reason, total int, what string) []Reason {
	if total <= len(reasons) {
		return reasons
	}
	return append(reasons, Reason{Text: fmt.Sprintf("%d more %s", total-len(reasons), what)})
}

func since(t, now time.Time) string {
	return fmt.Sprintf("since %s (%s)", t.UTC().Format(time.RFC3339), max(0, now.Sub(t)).Truncate(time.Second))
}

// shorten keeps a sender from filling the document with its name.
func shorten(name string) string {
	if len(name) <= maxNameBytes {
		return name
	}
	return strings.ToValidUTF8(name[:maxNameBytes], "") + "..."
}

// worse returns the worse of two verdicts. Where one knows nothing, the other counts.
func worse(a, b Check) Check {
	for _, c := range []Check{Fail, Warn, OK} {
		if a == c || b == c {
			return c
		}
	}
	return Unknown
}

func status(p drain.Phase, c Checks) Status {
	switch p {
	case drain.Starting:
		return Starting
	case drain.Stopping:
		return ShuttingDown
	case drain.Running:
	}
	return c.status()
}

// status is the worst check. One that is unknown does not count.
func (c Checks) status() Status {
	switch worse(worse(c.EventPipeline, c.StateBackend), c.QueryRuntime) {
	case Fail:
		return Unhealthy
	case Warn:
		return Degraded
	case OK, Unknown:
	}
	return Healthy
}
