// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
)

// Memory returns the resident set of this process in bytes. Where the system
// has no /proc it returns what the Go runtime holds of the system's memory.
func Memory() uint64 {
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if pages, ok := residentPages(string(text)); ok {
			return pages * uint64(os.Getpagesize())
		}
	}
	return runtimeMemory()
}

// residentPages reads the second field of statm.
func residentPages(statm string) (pages uint64, ok bool) {
	fields := strings.Fields(statm)
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	return pages, err == nil
}

func runtimeMemory() uint64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
