// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build windows

package telemetry

import (
	"syscall"
	"time"
)

// processCPU returns the CPU time of this process, user and system, and whether it is known.
func processCPU() (time.Duration, bool) {
	process, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0, false
	}
	var created, exited, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(process, &created, &exited, &kernel, &user); err != nil {
		return 0, false
	}
	return ticks(kernel) + ticks(user), true
}

// ticks converts a time span, which Windows counts in steps of 100ns. Filetime.Nanoseconds would take it for a
// date.
func ticks(t syscall.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}
