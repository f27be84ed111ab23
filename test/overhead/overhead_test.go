// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package overhead measures what telemetry costs an engine.
package overhead

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// events is how many events one run works off: about two seconds of the engine at its highest rate.
const events = 4_000_000

// variants are compared with the first one. The second "off" shows how far the noise alone reaches.
var variants = []string{"off", "off again", "basic", "detail"}

// BenchmarkOverhead runs the reference engine, both nodes, as fast as it goes, once per variant and round, in an
// order that is drawn anew for every round. It prints CPU time per million events and its ratio to the run
// without telemetry of the same round: the median, and a 95% interval of the mean ratio.
func BenchmarkOverhead(b *testing.B) {
	c := run.StartCollector(b, "standalone", nil)
	rig := newRig(b, c.Endpoint())
	cost := make(map[string][]float64) // milliseconds of CPU per million events, by round
	rig.cost(b, "off")                 // a warm-up that does not count
	for range b.N {
		for _, i := range rand.Perm(len(variants)) {
			v := variants[i]
			cost[v] = append(cost[v], rig.cost(b, v))
		}
	}
	table(cost)
}

// table prints the results. They are more than a benchmark's metrics can say.
func table(cost map[string][]float64) {
	fmt.Printf("\n| telemetry | CPU ms per million events, median | ratio to off, median | 95%% interval of the mean ratio | pairs |\n|---|---|---|---|---|\n")
	for _, v := range variants {
		ratios := make([]float64, len(cost[v]))
		for i := range ratios {
			ratios[i] = cost[v][i] / cost["off"][i]
		}
		low, high := interval(ratios)
		fmt.Printf("| %s | %.1f | %+.2f %% | %+.2f to %+.2f %% | %d |\n",
			v, median(cost[v]), percent(median(ratios)), percent(low), percent(high), len(ratios))
	}
}

func percent(ratio float64) float64 { return 100 * (ratio - 1) }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// interval is a bootstrap interval of the mean: no assumption about the shape of the noise.
func interval(values []float64) (low, high float64) {
	const draws = 10_000
	means := make([]float64, draws)
	for i := range means {
		sum := 0.0
		for range values {
			sum += values[rand.IntN(len(values))]
		}
		means[i] = sum / float64(len(values))
	}
	slices.Sort(means)
	return means[int(math.Floor(0.025*draws))], means[int(math.Ceil(0.975*draws))-1]
}

// rig runs the engine.
type rig struct {
	endpoint, dir, engine string
	files                 map[string]string // configuration file by variant
}

func newRig(b *testing.B, endpoint string) *rig {
	b.Helper()
	r := &rig{endpoint: endpoint, dir: b.TempDir(), engine: run.Binary(b, "eventflux-engine"), files: make(map[string]string)}
	for _, v := range variants {
		level := v
		if v == "off again" {
			level = "off"
		}
		r.files[v] = filepath.Join(r.dir, strconv.Itoa(len(r.files))+".toml")
		text := fmt.Sprintf("[telemetry]\nlevel = %q\nendpoint = %q\n", level, "http://"+endpoint)
		if err := os.WriteFile(r.files[v], []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

// cost is the CPU time of one run of both nodes in milliseconds per million events.
func (r *rig) cost(b *testing.B, variant string) float64 {
	b.Helper()
	link := fmt.Sprintf("127.0.0.1:%d", run.FreePort(b))
	node := func(name string, args ...string) *run.Process {
		return run.Start(b, name, r.engine, append([]string{"--node", name, "--config", r.files[variant]}, args...), nil)
	}
	down := node("b", "--listen", link, "--sink", filepath.Join(r.dir, "alerts.jsonl"))
	up := node("a", "--peer", link, "--rate", "0", "--events", strconv.Itoa(events))
	if code := up.Wait(); code != 0 {
		b.Fatalf("node a ended with %d:\n%s", code, up.Output())
	}
	if code := down.Stop(); code != 0 {
		b.Fatalf("node b ended with %d:\n%s", code, down.Output())
	}
	return float64(up.CPU()+down.CPU()) / float64(time.Millisecond) / (events / 1e6)
}
