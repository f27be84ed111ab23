// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package process reads what the operating system says about this process.
package process

import "time"

// Usage is the process at one moment. A field below zero is not known on this platform.
type Usage struct {
	CPUUser, CPUSystem time.Duration
	Resident, Virtual  int64 // bytes
	Threads            int64
	Descriptors        int64 // open file descriptors, without the one that counting them needs
	DescriptorLimit    int64 // soft limit
}

// CPU is the CPU time used in user and system mode, and whether it is known.
func (u Usage) CPU() (time.Duration, bool) {
	return u.CPUUser + u.CPUSystem, u.CPUUser >= 0 && u.CPUSystem >= 0
}

// unknown is a Usage of which nothing is known.
func unknown() Usage {
	return Usage{CPUUser: -1, CPUSystem: -1, Resident: -1, Virtual: -1, Threads: -1, Descriptors: -1, DescriptorLimit: -1}
}
