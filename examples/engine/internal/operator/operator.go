// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package operator holds what queries are made of: filter, window with
// aggregation, join. Each wraps a plain data structure and reports its stages
// as spans; it counts errors where they happen.
package operator

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// The values of error.type that operators report.
const (
	ErrorExpression = "expression" // a filter expression failed on an event, which is dropped
	ErrorLateEvent  = "late_event" // an event came after its window had closed and is dropped
)

// Operator turns one batch into the next. It belongs to one goroutine, except
// where a method says otherwise.
type Operator interface {
	// Process reads in, which it must not change, and returns rows for the
	// next operator; nil or an empty batch means there are none.
	Process(b telemetry.Batch, in *event.Batch) *event.Batch
}

// Windowed is an Operator that keeps events back.
type Windowed interface {
	Operator
	// WindowType is the value of window.type.
	WindowType() string
	// Holds reports whether Close would return rows.
	Holds() bool
	// Close ends every open window and returns its rows. It is called by a
	// timer or at the end of the input.
	Close(b telemetry.Batch, now time.Time) *event.Batch
	// Bytes estimates the memory of the windows. Any goroutine may call it.
	Bytes() int64
}

func count(n int) attribute.KeyValue { return attribute.Int("event.count", n) }
