// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix && !windows

package process

// Read knows nothing on this platform.
func Read() Usage {
	return unknown()
}
