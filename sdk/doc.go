// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package telemetry makes an EventFlux engine observable: metrics, traces and logs over OTLP, and nothing else.
//
// An engine calls Start once, binds handles when it deploys an application (App, Query, Stream, Connections),
// gives every goroutine that runs a query a Worker, and brackets each batch with Begin and End. At undeploy it
// closes the handles, at exit it calls Shutdown.
//
// # Cost
//
// Recording happens per batch, into memory that belongs to the goroutine, and allocates nothing unless the batch
// is traced. Which batches are traced is decided by token buckets before any tracing code runs; slow and failed
// ones are traced after the fact, as one span. Collection and export happen on goroutines of their own, behind
// bounded queues that drop rather than block.
//
// # Profiles
//
// Between SDK.LabelProfiles and its stop the work on a batch carries the pprof labels query.id and processor.type.
// Profiles leave the engine through its own pprof; the OTLP signal for profiles is not there.
//
// # Safety
//
// Every method of every handle is legal on a nil receiver and does nothing there; so do the zero Batch and Span.
// Nothing panics, nothing blocks the engine, and a collector that is down costs the engine no time. Failures of
// the export path go to the error handler (see WithErrorHandler). The process-wide OpenTelemetry globals stay
// untouched unless WithGlobals asks for it.
package telemetry
