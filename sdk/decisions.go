// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import "sync/atomic"

// decision is what became of a batch, the value of eventflux.sampling.decision.
type decision uint8

const (
	skipped      decision = iota // not traced: the token buckets had nothing left
	rateLimited                  // not traced: too many batches join traces
	recorded                     // started a trace
	parentForced                 // joined a trace
	lateSlow                     // traced after the fact: took Traces.Slow or longer
	lateError                    // traced after the fact: Batch.Error was called
	lateLog                      // traced after the fact: logged an ERROR, no more
	decisionKinds
)

var decisionNames = [decisionKinds]string{
	skipped: "skipped", rateLimited: "rate_limited", recorded: "recorded", parentForced: "parent_forced",
	lateSlow: "late_slow", lateError: "late_error", lateLog: "late_log",
}

// String returns the value of the attribute.
func (d decision) String() string {
	return decisionNames[d]
}

// decisions counts batches by what became of them, each batch once. Workers count skipped and rateLimited locally;
// they publish them every 64 batches, whenever a bucket is asked, and when they close. Safe for concurrent use.
type decisions [decisionKinds]atomic.Int64
