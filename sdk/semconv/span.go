// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package semconv

import (
	"iter"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Span is one kind of span of the conventions. A value that is none of the constants has an empty name and no
// attributes.
type Span uint8

type span struct {
	name       string
	nameKey    attribute.Key
	kind       trace.SpanKind
	level      Level
	attributes []attribute.Key
}

func (s Span) get() *span {
	if int(s) >= len(spans) {
		return &span{}
	}
	return &spans[s]
}

// Name returns the part of the span's name that never varies, such as "query.execute".
func (s Span) Name() string { return s.get().name }

// String returns the same as Name.
func (s Span) String() string { return s.get().name }

// NameKey returns the key of the attribute whose value follows Name and a space in the span's full name, or "" if the
// name never varies.
func (s Span) NameKey() attribute.Key { return s.get().nameKey }

// Kind returns the kind of the span.
func (s Span) Kind() trace.SpanKind { return s.get().kind }

// Level returns the level from which on the span is recorded.
func (s Span) Level() Level { return s.get().level }

// Attributes returns the keys of the attributes that the span may have. The slice is the caller's own.
func (s Span) Attributes() []attribute.Key { return slices.Clone(s.get().attributes) }

// Spans returns all spans in the order of the registry.
func Spans() iter.Seq[Span] {
	return all[Span](len(spans))
}
