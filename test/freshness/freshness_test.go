// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package freshness measures how old the numbers on /metrics are.
package freshness

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// updates is how many exports of the engine are watched.
const updates = 12

// BenchmarkFreshness runs engine and collector as "make run" does, with every setting at its default, and reports
// how long after an event /metrics shows it. Every metric of an export is read at one moment, which
// eventflux_uptime_seconds names: an event that happened just after the moment of one export is visible when the
// next one is.
func BenchmarkFreshness(b *testing.B) {
	for range b.N {
		var ages []time.Duration
		for _, u := range watch(b) {
			for share := 0.005; share < 1; share += 0.01 { // events come evenly between two exports
				happened := u.before.Add(time.Duration(share * float64(u.moment.Sub(u.before))))
				ages = append(ages, u.visible.Sub(happened))
			}
		}
		slices.Sort(ages)
		for _, q := range []int{50, 95, 99, 100} {
			at := ages[min(len(ages)*q/100, len(ages)-1)]
			b.ReportMetric(at.Seconds(), fmt.Sprintf("s-p%d", q))
		}
	}
}

// update is one export becoming visible.
type update struct {
	before, moment time.Time // of this export and the one before
	visible        time.Time
}

// watch starts everything and waits for updates.
func watch(b *testing.B) []update {
	b.Helper()
	c := run.StartCollector(b, "standalone", nil)
	link := fmt.Sprintf("127.0.0.1:%d", run.FreePort(b))
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + c.Endpoint()}
	engine, dir := run.Binary(b, "eventflux-engine"), b.TempDir()
	run.Start(b, "node b", engine, []string{"--node", "b", "--listen", link, "--set", "sink=" + filepath.Join(dir, "alerts.jsonl")}, env)
	began := time.Now()
	run.Start(b, "node a", engine, []string{"--node", "a", "--instance", "fresh", "--peers", "b=" + link}, env)

	var seen []update
	var last float64
	for deadline := time.Now().Add(3 * time.Minute); len(seen) <= updates; {
		if time.Now().After(deadline) {
			b.Fatalf("saw %d of %d exports", len(seen), updates)
		}
		uptime, found := c.Metrics().Sum("eventflux_uptime_seconds", scrape.Labels{"instance": "fresh"})
		now := time.Now()
		if found && uptime != last {
			u := update{moment: began.Add(time.Duration(uptime * float64(time.Second))), visible: now}
			if len(seen) > 0 {
				u.before = seen[len(seen)-1].moment
			}
			seen, last = append(seen, u), uptime
		}
		time.Sleep(20 * time.Millisecond) // how often the page is read
	}
	return seen[1:] // the first export has none before it
}
