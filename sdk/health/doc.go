// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package health asks the parts of an engine how they are and rolls the answers up into one status.
//
// An engine registers a Check per part, each on a schedule of its own. A check that panics, hangs or takes too long
// is an unhealthy part, never a harmed engine. The package serves nothing: the SDK sends what it finds out as
// metrics and log events over OTLP, and the collector answers /health, /ready and /live.
//
// # Status
//
// The whole is the worst of its parts. A part of severity Warning makes it Degraded at most; an Unhealthy part of
// severity Critical makes it Unhealthy. Without any check it is Healthy. Once SetShuttingDown was called it is
// ShuttingDown, whatever the parts say.
//
// # Cost
//
// One goroutine per registered check, a second one while it runs, none without checks. Status, Ready and Report
// take a mutex for the time of a copy.
package health
