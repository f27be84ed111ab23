// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// batchHandler makes records say which batch they were made in: it stands in front of the local log and of OTLP,
// and gives both the same two fields and the same span.
type batchHandler struct {
	next    slog.Handler // with all of steps
	plain   slog.Handler // without
	steps   []func(slog.Handler) slog.Handler
	speaker *speaker // of a worker's own logger, else nil
	named   identity // what the logger says at top level already
	grouped bool     // a record's attributes are no longer at top level
}

// identity is which of the two fields are there.
type identity struct {
	query  string // value of query.id; empty if it is not there
	stream bool
}

// with returns i and what a says.
func (i identity) with(a slog.Attr) identity {
	switch a.Key {
	case string(semconv.QueryIDKey):
		i.query = a.Value.Resolve().String()
	case string(semconv.StreamNameKey):
		i.stream = true
	}
	return i
}

func newBatchHandler(next slog.Handler) *batchHandler {
	return &batchHandler{next: next, plain: next}
}

// of returns a handler whose records are made by s unless their context says otherwise.
func (h *batchHandler) of(s *speaker) *batchHandler {
	bound := *h
	bound.speaker = s
	return &bound
}

// Enabled implements slog.Handler.
func (h *batchHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *batchHandler) Handle(ctx context.Context, r slog.Record) error {
	s := speakerIn(ctx)
	if s == nil {
		s = h.speaker
	}
	if s == nil {
		return h.next.Handle(ctx, r)
	}
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		if sc := s.spanContext(r.Level); sc.IsValid() {
			ctx = trace.ContextWithSpanContext(ctx, sc)
		}
	}
	var room [2]slog.Attr
	missing := s.missing(room[:0], h.says(r))
	switch {
	case len(missing) == 0:
		return h.next.Handle(ctx, r)
	case h.grouped:
		return h.rebuilt(slices.Clone(missing)).Handle(ctx, r)
	}
	r = r.Clone()
	r.AddAttrs(missing...)
	return h.next.Handle(ctx, r)
}

// says returns which of the two fields r will have without help.
func (h *batchHandler) says(r slog.Record) identity {
	named := h.named
	if !h.grouped {
		r.Attrs(func(a slog.Attr) bool {
			named = named.with(a)
			return true
		})
	}
	return named
}

// missing appends to attrs the fields of s that named lacks: none if it is about another query.
func (s *speaker) missing(attrs []slog.Attr, named identity) []slog.Attr {
	if named.query != "" && named.query != s.query.id {
		return attrs
	}
	if named.query == "" {
		attrs = append(attrs, slog.String(string(semconv.QueryIDKey), s.query.id))
	}
	if !named.stream {
		if stream := s.stream(); stream != "" {
			attrs = append(attrs, slog.String(string(semconv.StreamNameKey), stream))
		}
	}
	return attrs
}

// rebuilt returns the inner handler with attrs at top level, before any group.
func (h *batchHandler) rebuilt(attrs []slog.Attr) slog.Handler {
	next := h.plain.WithAttrs(attrs)
	for _, step := range h.steps {
		next = step(next)
	}
	return next
}

// WithAttrs implements slog.Handler.
func (h *batchHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	next := h.step(func(inner slog.Handler) slog.Handler { return inner.WithAttrs(attrs) })
	if !h.grouped {
		for _, a := range attrs {
			next.named = next.named.with(a)
		}
	}
	return next
}

// WithGroup implements slog.Handler.
func (h *batchHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	next := h.step(func(inner slog.Handler) slog.Handler { return inner.WithGroup(name) })
	next.grouped = true
	return next
}

func (h *batchHandler) step(do func(slog.Handler) slog.Handler) *batchHandler {
	next := *h
	next.next = do(h.next)
	next.steps = append(slices.Clip(h.steps), do)
	return &next
}
