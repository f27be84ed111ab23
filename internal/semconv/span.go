// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package semconv

import (
	"iter"
	"slices"
	"strings"
)

// Span is one kind of span of the conventions. The zero Span is none and has an empty name.
type Span struct{ s *span }

type span struct {
	name, nameKey, kind string
	level               Level
	uses                []Use
}

var spansByName = index(spans, func(s *span) string { return s.name })

// LookupSpan returns the kind of span that a span's name tells, and whether there is one. The value that some names
// carry after a space does not matter: "query.execute" and "query.execute top" are one kind.
func LookupSpan(name string) (Span, bool) {
	base, value, varies := strings.Cut(name, " ")
	s, ok := spansByName[base]
	if !ok || varies && (s.nameKey == "" || value == "") {
		return Span{}, false
	}
	return Span{s}, true
}

// Spans returns all spans in the order of the registry.
func Spans() iter.Seq[Span] {
	return func(yield func(Span) bool) {
		for i := range spans {
			if !yield(Span{&spans[i]}) {
				return
			}
		}
	}
}

func (s Span) get() span {
	if s.s == nil {
		return span{}
	}
	return *s.s
}

// Name returns the part of the span's name that never varies, such as "query.execute".
func (s Span) Name() string { return s.get().name }

// NameKey returns the key of the attribute whose value follows Name and a space, or "" if the name never varies.
func (s Span) NameKey() string { return s.get().nameKey }

// Kind returns the kind of the span in the registry's spelling: "internal", "producer" or "consumer".
func (s Span) Kind() string { return s.get().kind }

// Level returns the level from which on an engine records the span.
func (s Span) Level() Level { return s.get().level }

// Attributes returns the attributes that the span has or may have.
func (s Span) Attributes() iter.Seq[Use] { return slices.Values(s.get().uses) }

// Attribute returns the attribute with a key, and whether the span may have it.
func (s Span) Attribute(key string) (Use, bool) { return find(s.get().uses, key) }
