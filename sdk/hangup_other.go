// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package telemetry

import "github.com/eventflux-io/eventflux-otel/sdk/logs"

// watchHangup does nothing where there is no SIGHUP.
func watchHangup(*logs.File, *errorSink) func() { return func() {} }
