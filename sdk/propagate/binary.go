// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package propagate

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/trace"
)

// BinarySize is the length in bytes of the binary form: version 0, 16 bytes of trace id, 8 bytes of span id, flags.
const BinarySize = 26

const (
	binaryVersion   = 0x00
	forbidden       = 0xff // the version that W3C keeps invalid for ever
	traceIDAt       = 1
	spanIDAt        = traceIDAt + 16
	flagsAt         = spanIDAt + 8
	flagsUnderstood = trace.FlagsSampled | trace.FlagsRandom
)

// What is wrong with a binary trace context that ParseBinary refuses.
var (
	errBinaryShort   = errors.New("could not read the binary trace context: it must have 26 bytes")
	errBinaryVersion = errors.New("could not read the binary trace context: version 255 does not exist")
	errBinaryZero    = errors.New("could not read the binary trace context: trace id and span id must not be zero")
)

// AppendBinary appends the binary form of sc to dst and returns the result: always BinarySize bytes, or nothing if
// sc is not valid. It is for frames without room for headers and carries no tracestate and no baggage. It allocates
// only if dst has no room.
func AppendBinary(dst []byte, sc trace.SpanContext) []byte {
	if !sc.IsValid() {
		return dst
	}
	traceID, spanID := sc.TraceID(), sc.SpanID()
	dst = append(dst, binaryVersion)
	dst = append(dst, traceID[:]...)
	dst = append(dst, spanID[:]...)
	return append(dst, byte(sc.TraceFlags()&flagsUnderstood))
}

// ParseBinary reads what AppendBinary wrote. The result is remote. Flags it does not know are cleared.
//
// As with the version of W3C traceparent, a later version is read as far as it is known and may be longer; version
// 0 must have BinarySize bytes, and version 255 is an error. It allocates nothing, also for an error.
func ParseBinary(b []byte) (trace.SpanContext, error) {
	switch {
	case len(b) < BinarySize || (b[0] == binaryVersion && len(b) != BinarySize):
		return trace.SpanContext{}, errBinaryShort
	case b[0] == forbidden:
		return trace.SpanContext{}, errBinaryVersion
	}
	sc := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    trace.TraceID(b[traceIDAt:spanIDAt]),
		SpanID:     trace.SpanID(b[spanIDAt:flagsAt]),
		TraceFlags: trace.TraceFlags(b[flagsAt]) & flagsUnderstood,
		Remote:     true,
	})
	if !sc.IsValid() {
		return trace.SpanContext{}, errBinaryZero
	}
	return sc, nil
}

// InjectBinary is AppendBinary for the span in ctx.
func InjectBinary(ctx context.Context, dst []byte) []byte {
	return AppendBinary(dst, trace.SpanContextFromContext(ctx))
}

// ExtractBinary returns ctx with the span context found in b, or ctx itself if ParseBinary refuses b.
func ExtractBinary(ctx context.Context, b []byte) context.Context {
	sc, err := ParseBinary(b)
	if err != nil {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, sc)
}
