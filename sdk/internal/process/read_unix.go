// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package process

// Read reads CPU time and the limit of descriptors; the rest is known on Linux only.
func Read() Usage {
	u := unknown()
	u.readCPU()
	u.readLimit()
	return u
}
