// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
)

// reservedKey holds, in the context given to Tracer.Start, the span context the new root must have.
type reservedKey struct{}

// idGenerator makes random ids, except for roots whose ids a log record names already.
type idGenerator struct{}

// NewIDs implements sdktrace.IDGenerator.
func (idGenerator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if sc, ok := ctx.Value(reservedKey{}).(*trace.SpanContext); ok {
		return sc.TraceID(), sc.SpanID()
	}
	return randomTraceID(), randomSpanID()
}

// NewSpanID implements sdktrace.IDGenerator.
func (idGenerator) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	return randomSpanID()
}

// newRoot returns the span context of a root that is to be.
func newRoot() *trace.SpanContext {
	sc := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: randomTraceID(), SpanID: randomSpanID(), TraceFlags: trace.FlagsSampled,
	})
	return &sc
}

func randomTraceID() (id trace.TraceID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id
}

func randomSpanID() (id trace.SpanID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}
