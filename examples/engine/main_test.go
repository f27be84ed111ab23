// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime/debug"
	"testing"
)

func TestTheHeapGrowsUnlessGOGCSaysHow(t *testing.T) {
	for set, want := range map[string]int{"": heapGrowth, "50": 50} {
		t.Setenv("GOGC", set)
		before := debug.SetGCPercent(50) // as the runtime has it from the environment
		growHeap()
		if got := debug.SetGCPercent(before); got != want {
			t.Errorf("GOGC=%s: the heap grows by %d %%, want %d", set, got, want)
		}
	}
}
