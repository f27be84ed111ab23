// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package semconv

import (
	"iter"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/attribute"
)

// Event is one kind of event of the conventions, which is a log record with a name. A value that is none of the
// constants has an empty name and no attributes.
type Event uint8

type event struct {
	name       string
	severity   slog.Level
	attributes []attribute.Key
}

func (e Event) get() *event {
	if int(e) >= len(events) {
		return &event{}
	}
	return &events[e]
}

// Name returns the name of the event, such as "eventflux.query.started".
func (e Event) Name() string { return e.get().name }

// String returns the same as Name.
func (e Event) String() string { return e.get().name }

// Severity returns the severity of the record.
func (e Event) Severity() slog.Level { return e.get().severity }

// Attributes returns the keys of the attributes that the record may have. The slice is the caller's own.
func (e Event) Attributes() []attribute.Key { return slices.Clone(e.get().attributes) }

// Events returns all events in the order of the registry.
func Events() iter.Seq[Event] {
	return all[Event](len(events))
}
