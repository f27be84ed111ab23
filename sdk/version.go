// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

// Version is the version of this module, reported as the version of the instrumentation scope.
const Version = "0.1.0"

// scopeName is the instrumentation scope of metrics and traces.
const scopeName = "github.com/eventflux-io/eventflux-otel/sdk"
