// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"
)

// complete returns the output of benchmarks that measure every goal as exactly 1.
func complete() string {
	var out strings.Builder
	out.WriteString("goos: linux\npkg: example\n")
	for _, g := range goals() {
		for _, m := range []*metric{&g.metric, g.over} {
			if m == nil {
				continue
			}
			if m.unit == "scaling" {
				fmt.Fprintf(&out, "Benchmark%s/goroutines=1-2 10 1.0 ns/point\nBenchmark%s/goroutines=2-2 10 1.0 ns/point\n", m.benchmark, m.benchmark)
				continue
			}
			fmt.Fprintf(&out, "Benchmark%s-2 10 1.0 %s\n", m.benchmark, m.unit)
		}
	}
	return out.String()
}

func TestMediansAreHeldAgainstGoals(t *testing.T) {
	in := complete()
	for _, ns := range []string{"90", "60", "9000"} { // complete says 1.0 twice: the median is 60
		in += "BenchmarkKnown/attributes=3-2 10 " + ns + " ns/point\n"
	}
	var out strings.Builder
	if err := report(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| known series, 3 attributes | 60 ns | at most 70 ns | pass |\n",
		"| known series, 3 attributes, against pdatautil.MapHash | 60.00 x | at most 0.50 x | **fail** |\n",
		"| offenders, recall of the top 20, Zipf 1.1 over 1 M values | 1 % | at least 95 % | **fail** |\n",
		"| scaling on 2 cores, one hot metric, against the hash loop's | 1.00 x | at least 0.80 x | pass |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("missing %sin\n%s", want, out.String())
		}
	}
	if got, want := strings.Count(out.String(), "\n"), len(goals())+2; got != want {
		t.Errorf("%d lines, want %d", got, want)
	}
}

func TestAGoalThatWasNotMeasuredIsAnError(t *testing.T) {
	in := strings.ReplaceAll(complete(), "BenchmarkSweep-", "BenchmarkSwept-")
	err := report(strings.NewReader(in), &strings.Builder{})
	if err == nil || !strings.Contains(err.Error(), "sweep of 1 M series") {
		t.Errorf("error is %v, want one that names the goal", err)
	}
}
