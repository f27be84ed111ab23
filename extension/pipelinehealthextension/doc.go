// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package pipelinehealthextension answers whether this collector, and the
// engines that its eventflux receivers see, are well: GET /health for people
// and alerts, /ready for load balancers, /live for process supervisors. When
// the process is told to end it keeps serving for a while, not ready, so that
// senders find another way before the receivers close.
//
// Evidence comes in through internal/signals, internal/outbound and internal/disk,
// internal/verdict judges it, internal/watchdog says whether the process hangs,
// internal/drain decides how long to hold, and internal/api answers. This package
// is what connects them to the collector.
package pipelinehealthextension

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
