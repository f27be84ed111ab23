// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package telemetry_test

// raceEnabled says whether the race detector is on.
const raceEnabled = false
