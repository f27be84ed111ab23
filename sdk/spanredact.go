// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"

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
	out, n := spans, 0
	for i, span := range spans {
		clean, found := cleanOne(span)
		if found == 0 {
			continue
		}
		if n == 0 {
			out = slices.Clone(spans)
		}
		out[i] = clean
		n += found
	}
	return out, n
}

func cleanOne(span sdktrace.ReadOnlySpan) (sdktrace.ReadOnlySpan, int) {
	clean := cleanSpan{ReadOnlySpan: span, status: span.Status()}
	var found [5]int
	clean.name, found[0] = redact.String(span.Name())
	clean.status.Description, found[1] = redact.String(clean.status.Description)
	clean.attributes, found[2] = redact.KeyValues(span.Attributes())
	clean.events, found[3] = cleanEvents(span.Events())
	clean.links, found[4] = cleanLinks(span.Links())
	n := 0
	for _, f := range found {
		n += f
	}
	return clean, n
}

func cleanEvents(events []sdktrace.Event) ([]sdktrace.Event, int) {
	out, n := events, 0
	for i, e := range events {
		var inName, inAttributes int
		e.Name, inName = redact.String(e.Name)
		e.Attributes, inAttributes = redact.KeyValues(e.Attributes)
		if inName+inAttributes == 0 {
			continue
		}
		if n == 0 {
			out = slices.Clone(events)
		}
		out[i] = e
		n += inName + inAttributes
	}
	return out, n
}

func cleanLinks(links []sdktrace.Link) ([]sdktrace.Link, int) {
	out, n := links, 0
	for i, l := range links {
		var found int
		if l.Attributes, found = redact.KeyValues(l.Attributes); found == 0 {
			continue
		}
		if n == 0 {
			out = slices.Clone(links)
		}
		out[i] = l
		n += found
	}
	return out, n
}
