// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestTheTableShowsMinimaAboveTheLoop(t *testing.T) {
	in := `goos: linux
BenchmarkLoop-2     1000  0.5 ns/op  0.40 cpu-ns/op  0 B/op  0 allocs/op
BenchmarkLoop-2     1000  0.9 ns/op  0.30 cpu-ns/op  0 B/op  0 allocs/op
BenchmarkCellAdd-2  1000  2.0 ns/op  1.50 cpu-ns/op  0 B/op  0 allocs/op
BenchmarkCellAdd-2  1000  9.0 ns/op  1.00 cpu-ns/op  8 B/op  1 allocs/op
BenchmarkOld-2      1000  7.0 ns/op
PASS
`
	var out strings.Builder
	if err := table(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	want := `| operation | CPU ns, minimum of 2 runs | above the loop | allocations |
|---|---|---|---|
| Loop | 0.30 | 0.00 | 0 |
| Cell Add | 1.00 | 0.70 | 1 |
| Old | 7.00 | 6.70 | 0 |
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}

func TestAnInputWithoutBenchmarksIsAnError(t *testing.T) {
	for _, in := range []string{"", "PASS\n", "BenchmarkX-2 10 fast ns/op\n"} {
		if err := table(strings.NewReader(in), &strings.Builder{}); err == nil {
			t.Errorf("%q: no error", in)
		}
	}
}
