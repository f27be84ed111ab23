// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import "testing"

func TestMemoryIsPlausible(t *testing.T) {
	for name, got := range map[string]uint64{"Memory": Memory(), "runtimeMemory": runtimeMemory()} {
		if got < 1<<20 || got > 1<<36 {
			t.Errorf("%s() = %d bytes", name, got)
		}
	}
}

func TestResidentPages(t *testing.T) {
	tests := []struct {
		statm string
		want  uint64
		ok    bool
	}{
		{"4321 1234 800 100 0 300 0\n", 1234, true},
		{"4321", 0, false},
		{"", 0, false},
		{"4321 x 800", 0, false},
	}
	for _, tt := range tests {
		if got, ok := residentPages(tt.statm); got != tt.want || ok != tt.ok {
			t.Errorf("residentPages(%q) = %d, %v", tt.statm, got, ok)
		}
	}
}
