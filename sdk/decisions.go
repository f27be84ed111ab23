// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import "sync/atomic"

// decisions counts what became of batches, each of them once. Workers count the first two locally and publish
// them every 64 batches, whenever a bucket is asked, and when they close.
type decisions struct {
	skipped  atomic.Int64 // not traced: the token buckets had nothing left
	limited  atomic.Int64 // not traced: too many batches join traces
	recorded atomic.Int64 // started a trace
	forced   atomic.Int64 // joined a trace
	promoted atomic.Int64 // traced after the fact, because slow or failed
}
