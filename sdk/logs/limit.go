// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"log/slog"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/callsite"
)

// SuppressedKey is the attribute of the first record that a call site may write again: how many before it were
// withheld.
const SuppressedKey = "suppressed"

// Limit returns a handler that lets each call site write perSecond records per second, and as many at once; what
// is more is withheld, so that one line of code in a loop cannot drown the others. A call site is a line of code
// and a level. Of more than 1024 call sites the last ones share one allowance, as do records without a position.
//
// withheld is told of every record that is not written; it may be nil. It must be safe for concurrent use. With a
// perSecond of 0 or less Limit returns next.
func Limit(next slog.Handler, perSecond float64, withheld func()) slog.Handler {
	if perSecond <= 0 {
		return next
	}
	if withheld == nil {
		withheld = func() {}
	}
	return &limiting{next: next, sites: callsite.NewTable(perSecond), epoch: time.Now(), withheld: withheld}
}

type limiting struct {
	next     slog.Handler
	sites    *callsite.Table // shared by derived handlers
	epoch    time.Time
	withheld func()
}

// Enabled implements slog.Handler.
func (h *limiting) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler. The record's own time is the clock: slog has read it already.
func (h *limiting) Handle(ctx context.Context, r slog.Record) error {
	at := r.Time
	if at.IsZero() {
		at = time.Now()
	}
	suppressed, ok := h.sites.Admit(r.PC, int(r.Level), at.Sub(h.epoch))
	if !ok {
		h.withheld()
		return nil
	}
	if suppressed > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Uint64(SuppressedKey, suppressed))
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *limiting) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.next = h.next.WithAttrs(attrs)
	return &next
}

// WithGroup implements slog.Handler.
func (h *limiting) WithGroup(name string) slog.Handler {
	next := *h
	next.next = h.next.WithGroup(name)
	return &next
}
