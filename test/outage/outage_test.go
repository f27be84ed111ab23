// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package outage measures what an engine at half of its peak feels of a
// collector that goes away.
package outage

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/test/internal/outage"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// batch is a size at which the engine is fast.
const batch = 1024

// BenchmarkOutage finds out how many events per second the engine takes at
// most, offers half of that, and takes the collector away: frozen for 5 s, dead
// for 5 s, back. It prints what the engine measured with the collector healthy
// and without it.
func BenchmarkOutage(b *testing.B) {
	for range b.N {
		peak := peakRate(b)
		r := outage.Plan{
			Rate: peak / 2, Batch: batch,
			Control: 10 * time.Second, Frozen: 5 * time.Second, Away: 5 * time.Second, After: 2 * time.Second,
		}.Run(b)
		fmt.Printf("\npeak %d events/s, offered %d\ncollector healthy: %s\ncollector away:    %s\n", peak, peak/2, r.Control, r.Outage)
		b.ReportMetric(100*r.Control.Share(), "%-delayed-healthy")
		b.ReportMetric(100*r.Outage.Share(), "%-delayed-away")
		b.ReportMetric(r.Outage.Waits, "waits-away")
	}
}

// peakRate runs both nodes without a limit.
func peakRate(b *testing.B) int {
	b.Helper()
	const lasts = 4 * time.Second
	c := run.StartCollector(b, "standalone", nil)
	e := run.NewEngine{
		Endpoint: c.Endpoint(), Sink: filepath.Join(b.TempDir(), "alerts.jsonl"),
		Both: []string{"--set", "batch=" + fmt.Sprint(batch)},
		A:    []string{"--rate", "0", "--duration", lasts.String(), "--progress", "200ms"},
	}.Start(b)
	if code := e.A.Wait(); code != 0 {
		b.Fatalf("node a ended with %d:\n%s", code, e.A.Output())
	}
	e.B.Stop()
	c.Kill()
	var first, last struct{ at, events, cpu int64 }
	for line := range strings.Lines(e.A.Output()) {
		n, err := fmt.Sscanf(line, "progress at_ns=%d events=%d cpu_ns=%d", &last.at, &last.events, &last.cpu)
		if err == nil && n == 3 && first.at == 0 {
			first = last
		}
	}
	if last.at == first.at {
		b.Fatalf("no progress:\n%s", e.A.Output())
	}
	return int(float64(last.events-first.events) / (float64(last.at-first.at) / 1e9))
}
