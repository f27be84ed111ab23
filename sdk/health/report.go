// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"cmp"
	"slices"
	"time"
)

// Report is the health of an engine at one moment. It belongs to the caller.
type Report struct {
	// Status is that of the whole, Since when it became so.
	Status Status
	Since  time.Time
	// Ready and Live are the answers of the methods of the same name.
	Ready bool
	Live  bool
	// Score is the lowest of the scores of all pipelines, 1 without any.
	Score float64
	// Checks are sorted by name.
	Checks []CheckReport
}

// CheckReport is what is known about one check.
type CheckReport struct {
	Name     string
	Severity Severity
	// Status and Message are those of the last result that counted, Since when the status became so. Before the
	// first result the status is Unknown, since the registration.
	Status  Status
	Message string
	Since   time.Time
	// Duration is how long the last run took, or its timeout if it did not answer in time.
	Duration time.Duration
	// Runs counts all runs, Failures those that were Unhealthy, and Panics those of them that panicked.
	Runs, Failures, Panics uint64
}

// Report returns everything at once. A nil Registry has no checks and is healthy, ready and live.
func (r *Registry) Report() Report {
	if r == nil {
		return Report{Status: Healthy, Ready: true, Live: true, Score: 1}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	report := Report{
		Status: r.status, Since: r.since, Ready: r.isReady(), Live: !r.closed, Score: r.lowestScore(),
		Checks: make([]CheckReport, 0, len(r.checks)),
	}
	for _, e := range r.checks {
		s := e.state
		report.Checks = append(report.Checks, CheckReport{
			Name: e.name, Severity: e.severity,
			Status: s.status, Message: s.message, Since: s.since,
			Duration: s.duration, Runs: s.runs, Failures: s.failures, Panics: s.panics,
		})
	}
	slices.SortFunc(report.Checks, func(a, b CheckReport) int { return cmp.Compare(a.Name, b.Name) })
	return report
}

// Status returns the status of the whole.
func (r *Registry) Status() Status {
	if r == nil {
		return Healthy
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Ready reports whether the engine may be given work: it is not shutting down, and every critical check has said
// that its part works, be it Degraded.
func (r *Registry) Ready() bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.isReady()
}

// Live reports whether the engine runs at all, which it does until Close. No check has a say in this: a restart
// does not heal a backend that is away.
func (r *Registry) Live() bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.closed
}

// Score returns the lowest of the scores of all registered pipelines, 1 without any.
func (r *Registry) Score() float64 {
	if r == nil {
		return 1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lowestScore()
}

func (r *Registry) isReady() bool {
	return r.status != ShuttingDown && ready(r.parts())
}

func (r *Registry) lowestScore() float64 {
	lowest := 1.0
	for _, e := range r.checks {
		if p, ok := e.check.(*Pipeline); ok {
			lowest = min(lowest, p.Score())
		}
	}
	return lowest
}

// parts lists what the whole depends on.
func (r *Registry) parts() []part {
	parts := make([]part, 0, len(r.checks))
	for _, e := range r.checks {
		parts = append(parts, part{e.state.status, e.severity})
	}
	return parts
}
