// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package process

import (
	"math"
	"syscall"
	"time"
)

func (u *Usage) readCPU() {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err == nil {
		u.CPUUser, u.CPUSystem = time.Duration(usage.Utime.Nano()), time.Duration(usage.Stime.Nano())
	}
}

func (u *Usage) readLimit() {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		u.DescriptorLimit = int64(min(uint64(limit.Cur), math.MaxInt64)) //nolint:unconvert // signed on some platforms
	}
}
