// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package semconv

import (
	"iter"
	"slices"
)

// Event is one kind of event of the conventions, which is a log record with a name. The zero Event is none and has an
// empty name.
type Event struct{ e *event }

type event struct {
	name, severity string
	uses           []Use
}

var eventsByName = index(events, func(e *event) string { return e.name })

// LookupEvent returns the event with a name, and whether there is one.
func LookupEvent(name string) (Event, bool) {
	e, ok := eventsByName[name]
	return Event{e}, ok
}

// Events returns all events in the order of the registry.
func Events() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for i := range events {
			if !yield(Event{&events[i]}) {
				return
			}
		}
	}
}

func (e Event) get() event {
	if e.e == nil {
		return event{}
	}
	return *e.e
}

// Name returns the name of the event, such as "eventflux.query.started".
func (e Event) Name() string { return e.get().name }

// Severity returns the severity of the record: "info", "warn" or "error".
func (e Event) Severity() string { return e.get().severity }

// Attributes returns the attributes that the record has or may have.
func (e Event) Attributes() iter.Seq[Use] { return slices.Values(e.get().uses) }

// Attribute returns the attribute with a key, and whether the record may have it.
func (e Event) Attribute(key string) (Use, bool) { return find(e.get().uses, key) }
