// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/log"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact"
	"github.com/eventflux-io/eventflux-otel/sdk/logs"
)

// bridge sends records to OTLP. The reserved attribute "target" becomes the instrumentation scope, as it becomes
// a member of its own in the local log; everything else is left to otelslog.
type bridge struct {
	provider log.LoggerProvider
	local    slog.Handler // decides which levels are enabled
	next     slog.Handler
	replay   []func(slog.Handler) slog.Handler // the With calls so far, for a change of target
	grouped  bool                              // below a group "target" is an attribute like any other
}

func newBridge(provider log.LoggerProvider, target string, local slog.Handler) *bridge {
	return &bridge{provider: provider, local: local, next: scoped(provider, target)}
}

func scoped(provider log.LoggerProvider, target string) slog.Handler {
	return otelslog.NewHandler(target, otelslog.WithLoggerProvider(provider), otelslog.WithVersion(Version))
}

// Enabled implements slog.Handler.
func (b *bridge) Enabled(ctx context.Context, level slog.Level) bool {
	return b.local.Enabled(ctx, level) && b.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (b *bridge) Handle(ctx context.Context, r slog.Record) error {
	rendered := false
	r.Attrs(func(a slog.Attr) bool {
		rendered = isRendered(a)
		return !rendered
	})
	if rendered {
		out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
		r.Attrs(func(a slog.Attr) bool {
			out.AddAttrs(structured(a))
			return true
		})
		r = out
	}
	return b.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (b *bridge) WithAttrs(attrs []slog.Attr) slog.Handler {
	if slices.ContainsFunc(attrs, isRendered) {
		attrs = slices.Clone(attrs)
		for i, a := range attrs {
			attrs[i] = structured(a)
		}
	}
	if b.grouped {
		return b.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
	}
	target, rest := logs.SplitTarget(attrs)
	next := b
	if target != "" {
		next = b.retarget(target)
	}
	if len(rest) == 0 {
		return next
	}
	return next.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(rest) })
}

// WithGroup implements slog.Handler.
func (b *bridge) WithGroup(name string) slog.Handler {
	if name == "" {
		return b
	}
	next := b.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
	next.grouped = true
	return next
}

func (b *bridge) with(step func(slog.Handler) slog.Handler) *bridge {
	next := *b
	next.replay = append(slices.Clip(b.replay), step)
	next.next = step(b.next)
	return &next
}

func (b *bridge) retarget(target string) *bridge {
	next := *b
	next.next = scoped(b.provider, target)
	for _, step := range b.replay {
		next.next = step(next.next)
	}
	return &next
}

// isRendered says whether a holds a value that the local log shows as JSON, or a group that may.
func isRendered(a slog.Attr) bool {
	switch a.Value.Kind() {
	case slog.KindGroup:
		return slices.ContainsFunc(a.Value.Group(), isRendered)
	case slog.KindAny:
		_, ok := a.Value.Any().(redact.Rendered)
		return ok
	default:
		return false
	}
}

// structured gives such a value the same shape in OTLP as it has locally: objects become maps, arrays lists.
func structured(a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindGroup:
		members := slices.Clone(a.Value.Group())
		for i, m := range members {
			members[i] = structured(m)
		}
		a.Value = slog.GroupValue(members...)
	case slog.KindAny:
		if r, ok := a.Value.Any().(redact.Rendered); ok {
			a.Value = slog.AnyValue(r.Attribute())
		}
	}
	return a
}
