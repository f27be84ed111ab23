// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package propagate_test

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/propagate"
)

// A frame that begins with the trace context of its sender, if there is one; a flag of the frame says so.
func ExampleInjectBinary() {
	sender := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled,
	}))
	frame := propagate.InjectBinary(sender, nil)
	frame = append(frame, "payload"...)

	receiver := propagate.ExtractBinary(context.Background(), frame[:propagate.BinarySize])
	fmt.Println(trace.SpanContextFromContext(receiver).IsSampled(), string(frame[propagate.BinarySize:]))
	// Output: true payload
}
