// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package outage takes the collector away from a running engine and looks at
// what that does to the engine.
package outage

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// Plan says what is offered and for how long.
type Plan struct {
	Rate  int      // events per second
	Batch int      // most events per batch
	Flags []string // further ones of both nodes

	Control time.Duration // with a healthy collector, for comparison; another one is started meanwhile
	Frozen  time.Duration // the collector is stopped by SIGSTOP: connections stay, nobody answers
	Away    time.Duration // it was killed: nobody listens
	After   time.Duration // it is back
}

// Report is what came of a plan.
type Report struct {
	Collector *run.Collector // the second one; it is still up
	Engine    *run.Engine    // both nodes are up; the input has ended

	Control Phase
	Outage  Phase // from the freeze until After is over
}

const (
	warmUp = 2 * time.Second
	spare  = 5 * time.Second // of input, for what starting and stopping programs takes
)

// Run carries out the plan. The metrics of the engine are cumulative, so the
// first export after the return tells what happened meanwhile.
func (p Plan) Run(t testing.TB) Report {
	t.Helper()
	c := run.NewCollector(t)
	c.Launch("standalone", nil)
	c.WaitReady()
	whole := warmUp + p.Control + p.Frozen + p.Away + p.After + spare
	r := Report{Collector: c, Engine: run.NewEngine{
		Endpoint: c.Endpoint(), Both: append([]string{"--set", "batch=" + strconv.Itoa(p.Batch)}, p.Flags...),
		A: []string{"--rate", strconv.Itoa(p.Rate), "--linger", "--events", strconv.Itoa(int(float64(p.Rate) * whole.Seconds()))},
	}.Start(t)}
	visible(t, c)
	time.Sleep(warmUp)

	start := take(c.Metrics())
	bystander(t)
	time.Sleep(p.Control)
	before := take(c.Metrics())
	c.Signal(syscall.SIGSTOP)
	time.Sleep(p.Frozen)
	c.Signal(syscall.SIGCONT)
	c.Kill()
	time.Sleep(p.Away)
	c.Launch("standalone", nil)
	c.WaitReady()
	visible(t, c)
	time.Sleep(p.After)
	after := take(c.Metrics())
	r.Control, r.Outage = before.since(start), after.since(before)
	return r
}

// bystander starts a collector that the engine knows nothing of, and kills it:
// the CPU time that takes is no fault of the collector's absence.
func bystander(t testing.TB) {
	t.Helper()
	other := run.NewCollector(t)
	other.Launch("standalone", nil)
	other.WaitReady()
	other.Kill()
}

// visible waits until both nodes are on /metrics.
func visible(t testing.TB, c *run.Collector) {
	t.Helper()
	run.Eventually(t, "both nodes are on /metrics", func() bool {
		return len(c.Metrics().Series("query_latency_seconds", scrape.Labels{"query_id": "price_alert"})) > 0 &&
			len(c.Metrics().Series("query_latency_seconds", scrape.Labels{"query_id": "price_filter"})) > 0
	})
}
