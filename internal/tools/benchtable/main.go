// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Command benchtable reads the output of "go test -bench -count N" and prints a table: per benchmark the minimum of
// its CPU time over all runs, that minus the minimum of BenchmarkLoop, and its allocations. The minimum is what is
// left of a measurement when the neighbours are quiet.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	if err := table(os.Stdin, os.Stdout); err != nil {
		log.Fatal("benchtable: ", err)
	}
}

// result is one benchmark over all its runs.
type result struct {
	name   string
	runs   int
	ns     float64 // minimum
	allocs float64 // maximum
}

func table(in io.Reader, out io.Writer) error {
	results, err := parse(in)
	if err != nil {
		return err
	}
	var loop float64
	for _, r := range results {
		if r.name == "Loop" {
			loop = r.ns
		}
	}
	fmt.Fprintf(out, "| operation | CPU ns, minimum of %d runs | above the loop | allocations |\n|---|---|---|---|\n", results[0].runs)
	for _, r := range results {
		fmt.Fprintf(out, "| %s | %.2f | %.2f | %.0f |\n", words(r.name), r.ns, r.ns-loop, r.allocs)
	}
	return nil
}

// parse collects the benchmark lines, in order of first appearance.
func parse(in io.Reader) ([]*result, error) {
	var results []*result
	byName := make(map[string]*result)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(fields[0], "Benchmark"), "-")
		r, known := byName[name]
		if !known {
			r = &result{name: name}
			byName[name] = r
			results = append(results, r)
		}
		if err := r.add(fields[2:]); err != nil {
			return nil, fmt.Errorf("could not read %q: %w", lines.Text(), err)
		}
	}
	if len(results) == 0 {
		return nil, fmt.Errorf("there is no benchmark in the input")
	}
	return results, nil
}

// add takes the pairs of value and unit of one run.
func (r *result) add(pairs []string) error {
	cpu, wall := -1.0, -1.0
	for i := 0; i+1 < len(pairs); i += 2 {
		v, err := strconv.ParseFloat(pairs[i], 64)
		if err != nil {
			return err
		}
		switch pairs[i+1] {
		case "cpu-ns/op":
			cpu = v
		case "ns/op":
			wall = v
		case "allocs/op":
			r.allocs = max(r.allocs, v)
		}
	}
	ns := cpu
	if ns < 0 {
		ns = wall
	}
	if r.runs == 0 || ns < r.ns {
		r.ns = ns
	}
	r.runs++
	return nil
}

var bump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// words makes "CellAdd" readable.
func words(name string) string {
	return bump.ReplaceAllString(name, "$1 $2")
}
