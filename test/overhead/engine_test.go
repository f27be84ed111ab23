// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package overhead

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// BenchmarkEngine runs a filter and a tumbling window in one process, as fast as they go, in batches of 64. It prints
// what that costs with and without telemetry, as BenchmarkOverhead does.
func BenchmarkEngine(b *testing.B) {
	c := run.StartCollector(b, "standalone", nil)
	rig := newRig(b, c.Endpoint())
	app, err := filepath.Abs("../../examples/engine/apps/throughput.toml")
	if err != nil {
		b.Fatal(err)
	}
	cost, rate := make(map[string][]float64), make(map[string][]float64)
	for range b.N {
		for _, i := range rand.Perm(len(variants)) {
			v := variants[i]
			one := run.Start(b, v, rig.engine, []string{
				"run", app, "--config", rig.files[v], "--progress", "100ms", "--duration", (warmUp + window).String(),
			}, nil)
			if code := one.Wait(); code != 0 {
				b.Fatalf("the engine ended with %d:\n%s", code, one.Output())
			}
			s := readings(b, one)
			first, last := s.at(s[0].at+warmUp.Nanoseconds()), s[len(s)-1]
			millions := float64(last.events-first.events) / 1e6
			cost[v] = append(cost[v], float64(last.cpu-first.cpu)/1e6/millions)
			rate[v] = append(rate[v], millions/(float64(last.at-first.at)/1e9))
		}
	}
	if b.N > 1 { // the first run, of one round, is a warm-up
		fmt.Printf("\nOne process, filter and tumbling window, batches of 64:\n")
		table(cost, rate)
	}
}
