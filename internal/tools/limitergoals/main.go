// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Command limitergoals reads the output of the cardinality limiter's benchmarks, run several
// times, and prints one line per goal: what was measured, what is wanted, and whether that
// was reached. Of several runs the median counts. It fails if a goal was not measured, not
// if it was missed: how fast a shared machine is today is nothing to fail a build for.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

func main() {
	log.SetFlags(0)
	if err := report(os.Stdin, os.Stdout); err != nil {
		log.Fatal("limitergoals: ", err)
	}
}

// goal is a bound on a measurement, or on its ratio to another one.
type goal struct {
	what    string
	metric  metric
	over    *metric // measured in the same run
	most    float64
	format  string
	atLeast bool
}

// metric is a value that a benchmark reports. By scale it gets the unit of the goal.
type metric struct {
	benchmark, unit string
	scale           float64
}

func of(benchmark, unit string) metric { return metric{benchmark, unit, 1} }

func (m metric) times(scale float64) metric {
	m.scale = scale
	return m
}

func ratio(benchmark, unit, over string) (metric, *metric) {
	divisor := of(over, unit)
	return of(benchmark, unit), &divisor
}

func goals() []goal {
	known10, hash10 := ratio("Known/attributes=10", "ns/point", "MapHash/attributes=10")
	known3, hash3 := ratio("Known/attributes=3", "ns/point", "MapHash/attributes=3")
	const million = 1e6
	return []goal{
		{what: "known series, 10 attributes, against pdatautil.MapHash", metric: known10, over: hash10, most: 0.33, format: "%.2f x"},
		{what: "known series, 10 attributes", metric: known10, most: 170, format: "%.0f ns"},
		{what: "known series, 10 attributes", metric: of("Known/attributes=10", "allocs/op"), most: 0, format: "%.0f allocations"},
		{what: "known series, 3 attributes, against pdatautil.MapHash", metric: known3, over: hash3, most: 0.5, format: "%.2f x"},
		{what: "known series, 3 attributes", metric: known3, most: 70, format: "%.0f ns"},
		{what: "known series, 3 attributes", metric: of("Known/attributes=3", "allocs/op"), most: 0, format: "%.0f allocations"},
		{what: "new series admitted, growth included", metric: of("Admitted", "ns/point"), most: 400, format: "%.0f ns"},
		{what: "new series admitted", metric: of("Admitted", "allocs/op").times(1. / 100_000), most: 0.1, format: "%.2f allocations per point"},
		{what: "folded point, delta", metric: of("Folded/delta", "ns/point"), most: 250, format: "%.0f ns"},
		{what: "folded point, cumulative", metric: of("Folded/cumulative", "ns/point"), most: 300, format: "%.0f ns"},
		{what: "folded point, histogram of 15 buckets", metric: of("Folded/histogram15", "ns/point"), most: 400, format: "%.0f ns"},
		{what: "folded point, exponential histogram of 160 buckets", metric: of("Folded/exponential160", "ns/point"), most: 1200, format: "%.0f ns"},
		{what: "scaling on 2 cores, one hot metric, against the hash loop's", metric: scaling("limiter"), over: new(scaling("hash")), most: 0.8, atLeast: true, format: "%.2f x"},
		{what: "memory per series, 1 M in one budget", metric: of("Added/cells=1", "B/series"), most: 12, format: "%.1f B"},
		{what: "memory per series, 1 000 tenants x 100 metrics", metric: of("Added/cells=100000", "B/series"), most: 16, format: "%.1f B"},
		{what: "overshoot, 64 goroutines", metric: of("Overshoot", "series-over"), most: 0, format: "%.0f series"},
		{what: "sweep of 1 M series, 1 % expired", metric: of("Sweep", "ns/op").times(1 / million), most: 5, format: "%.1f ms"},
		{what: "sweep, longest pause in 99.9 % of shards", metric: of("Sweep", "µs-held-p99.9").times(1e-3), most: 1, format: "%.2f ms"},
		{what: "snapshot of 1 M series in one budget", metric: of("Snapshot/encode/cells=1", "B").times(1 / million), most: 12, format: "%.1f MB"},
		{what: "snapshot of 1 M series, 1 000 tenants x 100 metrics", metric: of("Snapshot/encode/cells=100000", "B").times(1 / million), most: 12, format: "%.1f MB"},
		{what: "snapshot, encode, one budget", metric: of("Snapshot/encode/cells=1", "ns/op").times(1 / million), most: 50, format: "%.0f ms"},
		{what: "snapshot, encode, 100 000 budgets", metric: of("Snapshot/encode/cells=100000", "ns/op").times(1 / million), most: 50, format: "%.0f ms"},
		{what: "snapshot, decode, one budget", metric: of("Snapshot/decode/cells=1", "ns/op").times(1 / million), most: 100, format: "%.0f ms"},
		{what: "snapshot, decode, 100 000 budgets", metric: of("Snapshot/decode/cells=100000", "ns/op").times(1 / million), most: 100, format: "%.0f ms"},
		{what: "offenders, recall of the top 20, Zipf 1.1 over 1 M values", metric: of("TopRecall", "recall-%"), most: 95, atLeast: true, format: "%.0f %%"},
		{what: "offenders, memory for that", metric: of("TopRecall", "B").times(1 / million), most: 1, format: "%.2f MB"},
		{what: "hostile: one point of 10 000 attributes, per attribute against 100", metric: of("ManyAttributes/attributes=10000", "ns/attribute"), over: new(of("ManyAttributes/attributes=100", "ns/attribute")), most: 4, format: "%.1f x"},
		{what: "hostile: a value of 1 MB", metric: of("Text/bytes=1048576", "ns/op").times(1 / million), most: 1, format: "%.2f ms"},
	}
}

// scaling stands for what two goroutines get done against what one does.
func scaling(of string) metric { return metric{"TwoCores/" + of, "scaling", 1} }

func report(in io.Reader, out io.Writer) error {
	values, err := medians(in)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "| | measured | wanted | |\n|---|---|---|---|")
	var missing []string
	for _, g := range goals() {
		v, ok := values.get(g.metric)
		if g.over != nil && ok {
			var divisor float64
			divisor, ok = values.get(*g.over)
			v /= divisor
		}
		if !ok {
			missing = append(missing, g.what)
			continue
		}
		relation, passed := "at most", v <= g.most
		if g.atLeast {
			relation, passed = "at least", v >= g.most
		}
		verdict := "pass"
		if !passed {
			verdict = "**fail**"
		}
		fmt.Fprintf(out, "| %s | "+g.format+" | %s "+g.format+" | %s |\n", g.what, v, relation, g.most, verdict)
	}
	if missing != nil {
		return fmt.Errorf("not measured: %s", strings.Join(missing, "; "))
	}
	return nil
}

// table holds the median of each value by benchmark and unit.
type table map[[2]string]float64

func (t table) get(m metric) (float64, bool) {
	if m.unit == "scaling" {
		one, ok := t[[2]string{m.benchmark + "/goroutines=1", "ns/point"}]
		two, ok2 := t[[2]string{m.benchmark + "/goroutines=2", "ns/point"}]
		return one / two, ok && ok2
	}
	v, ok := t[[2]string{m.benchmark, m.unit}]
	return v * m.scale, ok
}

func medians(in io.Reader) (table, error) {
	all := map[[2]string][]float64{}
	r := benchfmt.NewReader(in, "stdin")
	for r.Scan() {
		result, ok := r.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		name := cores.ReplaceAllString(string(result.Name), "")
		for _, v := range result.Values {
			value, unit := v.Value, v.Unit
			if v.OrigUnit != "" { // benchfmt turns nanoseconds into seconds
				value, unit = v.OrigValue, v.OrigUnit
			}
			key := [2]string{name, unit}
			all[key] = append(all[key], value)
		}
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("read benchmarks: %w", err)
	}
	t := table{}
	for key, values := range all {
		slices.Sort(values)
		t[key] = (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	}
	return t, nil
}

// cores is what go test puts behind a name: how many of them it used.
var cores = regexp.MustCompile(`-\d+$`)
