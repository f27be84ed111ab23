// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix && !windows

package telemetry

import "time"

// processCPU is not known on this platform; eventflux.cpu.usage stays at zero.
func processCPU() (time.Duration, bool) {
	return 0, false
}
