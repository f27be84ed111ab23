// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
)

func TestEveryBatchIsOneDecision(t *testing.T) {
	sdk := local(t, Config{Traces: Traces{PerQuery: 0.25, Total: 0.25}})
	w := sdk.App("orders").Query("q1").Worker()
	parent := trace.ContextWithSpanContext(context.Background(), *newRoot())
	for range 100 {
		w.Begin(context.Background(), Arrival{Count: 1}).End()
	}
	for range 50 {
		w.Begin(parent, Arrival{Count: 1}).End()
	}
	for range 7 {
		b := w.Begin(context.Background(), Arrival{Count: 1})
		b.Error("parse", nil)
		b.End()
	}
	w.Trigger(context.Background()).End()
	w.Close()
	for d, want := range map[decision]int64{
		skipped: 99 + 6 + 1, rateLimited: 48, recorded: 1, parentForced: 2, lateError: 1, lateSlow: 0, lateLog: 0,
	} {
		if got := sdk.decisions[d].Load(); got != want {
			t.Errorf("%s = %d, want %d", d, got, want)
		}
	}
}

func TestDecisionsArePublishedEverySoOften(t *testing.T) {
	sdk := unsampled(t)
	w := sdk.App("orders").Query("q1").Worker()
	for range publishEvery + 1 {
		w.Begin(context.Background(), Arrival{Count: 1}).End()
	}
	if got := sdk.decisions[skipped].Load(); got != publishEvery {
		t.Errorf("skipped = %d, want %d", got, publishEvery)
	}
}

func TestAGateAsksAgainWhenABucketMayHaveATokenAgain(t *testing.T) {
	sdk := local(t, Config{Traces: Traces{PerQuery: 10, Total: 10}})
	q := sdk.App("orders").Query("q1")
	w := q.Worker()
	taken := 0
	for at := range int64(3000) { // milliseconds
		w.gate.now = time.Duration(at) * time.Millisecond
		w.sequence++
		if w.admit() {
			taken++
		}
	}
	if taken != 10+30-1 {
		t.Errorf("admitted %d batches in 3 s, want a second's worth and one per 100 ms", taken)
	}
}
