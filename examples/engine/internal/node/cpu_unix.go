// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package node

import (
	"syscall"
	"time"
)

// cpuTime is the CPU time that this process has used; zero if that is not known.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
