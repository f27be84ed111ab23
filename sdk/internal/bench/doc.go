// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package bench compares the hot path of the SDK with its alternatives: the instruments of OpenTelemetry's own SDK,
// those of Prometheus, and one atomic. It is a module of its own, so that the SDK does not depend on what it is
// compared with. "make bench-hotpath" runs it and prints the table.
package bench
