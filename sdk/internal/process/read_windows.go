// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"syscall"
	"time"
)

// Read reads CPU time; the rest is known on Linux only.
func Read() Usage {
	u := unknown()
	process, err := syscall.GetCurrentProcess()
	if err != nil {
		return u
	}
	var created, exited, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(process, &created, &exited, &kernel, &user); err == nil {
		u.CPUSystem, u.CPUUser = ticks(kernel), ticks(user)
	}
	return u
}

// ticks converts a time span, which Windows counts in steps of 100ns. Filetime.Nanoseconds would take it for a
// date.
func ticks(t syscall.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}
