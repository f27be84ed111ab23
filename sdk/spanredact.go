// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact"
)

// cleanSpan is a span without its secrets.
type cleanSpan struct {
	sdktrace.ReadOnlySpan

	name       string
	attributes []attribute.KeyValue
	events     []sdktrace.Event
	links      []sdktrace.Link
	status     sdktrace.Status
}

func (s cleanSpan) Name() string                     { return s.name }
func (s cleanSpan) Attributes() []attribute.KeyValue { return s.attributes }
func (s cleanSpan) Events() []sdktrace.Event         { return s.events }
func (s cleanSpan) Links() []sdktrace.Link           { return s.links }
func (s cleanSpan) Status() sdktrace.Status          { return s.status }

// cleanSpans returns spans without their secrets, and how many there were. It returns spans itself if nothing is
// to be hidden.
func cleanSpans(spans []sdktrace.ReadOnlySpan) ([]sdktrace.ReadOnlySpan, int) {
	return redact.Each(spans, cleanOne)
}

func cleanOne(span sdktrace.ReadOnlySpan) (sdktrace.ReadOnlySpan, int) {
	clean := cleanSpan{ReadOnlySpan: span, status: span.Status()}
	var found [5]int
	clean.name, found[0] = redact.String(span.Name())
	clean.status.Description, found[1] = redact.String(clean.status.Description)
	clean.attributes, found[2] = redact.KeyValues(span.Attributes())
	clean.events, found[3] = redact.Each(span.Events(), cleanEvent)
	clean.links, found[4] = redact.Each(span.Links(), cleanLink)
	n := 0
	for _, f := range found {
		n += f
	}
	return clean, n
}

func cleanEvent(e sdktrace.Event) (sdktrace.Event, int) {
	var inName, inAttributes int
	e.Name, inName = redact.String(e.Name)
	e.Attributes, inAttributes = redact.KeyValues(e.Attributes)
	return e, inName + inAttributes
}

func cleanLink(l sdktrace.Link) (sdktrace.Link, int) {
	var found int
	l.Attributes, found = redact.KeyValues(l.Attributes)
	return l, found
}
