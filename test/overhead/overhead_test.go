// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package overhead measures what telemetry costs an engine.
package overhead

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/test/internal/paired"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// How long one run measures, and how long it runs before that: building up connections is not what an event costs.
const (
	warmUp = time.Second
	window = 2 * time.Second
)

// batches are the sizes of batches that are measured: the engine's default, and one at which it is fastest.
var batches = []int{64, 1024}

// variants are compared with the first one. The second "off" shows how far the noise alone reaches.
var variants = []string{"off", "off again", "basic", "detail"}

// BenchmarkOverhead runs the reference engine, both nodes, as fast as it goes, once per variant and round, in an
// order that is drawn anew for every round. It prints CPU time per million events and its ratio to the run
// without telemetry of the same round: the median, and a 95% interval of that.
func BenchmarkOverhead(b *testing.B) {
	c := run.StartCollector(b, "standalone", nil)
	rig := newRig(b, c.Endpoint())
	for _, size := range batches {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			cost, rate := make(map[string][]float64), make(map[string][]float64) // by round
			for range b.N {
				for _, i := range rand.Perm(len(variants)) {
					v := variants[i]
					c, r := rig.cost(b, v, size)
					cost[v], rate[v] = append(cost[v], c), append(rate[v], r)
				}
			}
			if b.N > 1 { // the first run, of one round, is a warm-up
				table(cost, rate)
			}
		})
	}
}

// table prints the results. They are more than a benchmark's metrics can say.
func table(cost, rate map[string][]float64) {
	fmt.Printf("\n| telemetry | million events/s, median | CPU ms per million events, median | ratio to off, median | 95%% interval of the mean ratio | pairs |\n|---|---|---|---|---|---|\n")
	for _, v := range variants {
		ratios := paired.Ratios(cost[v], cost["off"])
		low, high := paired.Interval(ratios)
		fmt.Printf("| %s | %.1f | %.1f | %+.2f %% | %+.2f to %+.2f %% | %d |\n",
			v, paired.Median(rate[v]), paired.Median(cost[v]), percent(paired.Median(ratios)), percent(low), percent(high), len(ratios))
	}
}

func percent(ratio float64) float64 { return 100 * (ratio - 1) }

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

// cost is the CPU time of both nodes in milliseconds per million events that node a read, and how many million
// events it read per second.
func (r *rig) cost(b *testing.B, variant string, batch int) (cpu, rate float64) {
	b.Helper()
	link := fmt.Sprintf("127.0.0.1:%d", run.FreePort(b))
	node := func(name string, args ...string) *run.Process {
		return run.Start(b, name, r.engine, append([]string{"--node", name, "--config", r.files[variant], "--progress", "100ms", "--drain-period", "0"}, args...), nil)
	}
	down := node("b", "--listen", link, "--set", "sink="+filepath.Join(r.dir, "alerts.jsonl"))
	up := node("a", "--peers", "b="+link, "--rate", "0", "--set", "batch="+strconv.Itoa(batch), "--duration", (warmUp + window).String())
	if code := up.Wait(); code != 0 {
		b.Fatalf("node a ended with %d:\n%s", code, up.Output())
	}
	if code := down.Stop(); code != 0 {
		b.Fatalf("node b ended with %d:\n%s", code, down.Output())
	}
	main, other := readings(b, up), readings(b, down)
	first, last := main.at(main[0].at+warmUp.Nanoseconds()), main[len(main)-1]
	used := last.cpu - first.cpu + other.at(last.at).cpu - other.at(first.at).cpu
	millions := float64(last.events-first.events) / 1e6
	return float64(used) / 1e6 / millions, millions / time.Duration(last.at-first.at).Seconds()
}

// reading is one line of progress.
type reading struct{ at, events, cpu int64 }

type series []reading

// at is the newest reading that is not after the given time.
func (s series) at(when int64) reading {
	newest := s[0]
	for _, r := range s {
		if r.at <= when {
			newest = r
		}
	}
	return newest
}

func readings(b *testing.B, p *run.Process) series {
	b.Helper()
	var s series
	for line := range strings.Lines(p.Output()) {
		var r reading
		if _, err := fmt.Sscanf(line, "progress at_ns=%d events=%d cpu_ns=%d", &r.at, &r.events, &r.cpu); err == nil {
			s = append(s, r)
		}
	}
	if len(s) < 10 {
		b.Fatalf("too few lines of progress:\n%s", p.Output())
	}
	return s
}
