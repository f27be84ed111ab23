// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// speaker is the side of a worker that log records see. Unlike the worker it is safe for concurrent use.
type speaker struct {
	query *Query
	known atomic.Pointer[string] // the stream, once there is one

	// span is the root of the open batch, made or reserved; nil if it is not traced, and mostly between batches.
	span atomic.Pointer[trace.SpanContext]

	once  sync.Once
	named *slog.Logger
}

// logger returns the logger of the worker. The first call makes it: most workers never speak.
func (s *speaker) logger() *slog.Logger {
	s.once.Do(func() { s.named = s.newLogger() })
	return s.named
}

func (s *speaker) newLogger() *slog.Logger {
	h := s.query.app.sdk.handler
	if batches, ok := h.(*batchHandler); ok {
		h = batches.of(s)
	}
	logger := slog.New(h).With("target", "eventflux::query", string(semconv.QueryIDKey), s.query.id)
	if stream := s.stream(); stream != "" {
		logger = logger.With(string(semconv.StreamNameKey), stream)
	}
	return logger
}

// stream returns the query's first input, empty if none is bound yet.
func (s *speaker) stream() string {
	if known := s.known.Load(); known != nil {
		return *known
	}
	stream := s.query.firstInput()
	if stream != "" {
		s.known.Store(&stream)
	}
	return stream
}

// spanContext returns the root of the open batch for a record of the given level. In a batch that is not traced
// the first ERROR reserves a root, which Batch.End then makes; between two batches it reserves one too, which the
// next Begin makes, so that a batch need not say when it begins and ends. The result is invalid if there is none.
func (s *speaker) spanContext(level slog.Level) trace.SpanContext {
	sc := s.span.Load()
	if sc == nil && level >= slog.LevelError && s.query.admitLate(s.query.app.sdk.since()) {
		s.span.CompareAndSwap(nil, newRoot())
		sc = s.span.Load()
	}
	if sc == nil {
		return trace.SpanContext{}
	}
	return *sc
}

// speakerKey finds the speaker of a context.
type speakerKey struct{}

func speakerIn(ctx context.Context) *speaker {
	s, _ := ctx.Value(speakerKey{}).(*speaker)
	return s
}

// workerContext is a context in which a worker speaks.
type workerContext struct {
	context.Context //nolint:containedctx // it is a context

	speaker *speaker
	plain   bool // the parent is the background context
}

// Value implements context.Context.
func (c *workerContext) Value(key any) any {
	if _, ok := key.(speakerKey); ok {
		return c.speaker
	}
	if c.plain {
		return nil
	}
	return c.Context.Value(key)
}

// in returns ctx as a context in which w speaks. It allocates nothing if ctx is the one that was last given, or the
// background context, or the Context of a worker.
func (w *Worker) in(ctx context.Context) context.Context {
	if other, ok := ctx.(*workerContext); ok {
		if other.speaker == w.speaker {
			return ctx
		}
		ctx = other.Context
	}
	if ctx == context.Background() {
		return w.ctx
	}
	if w.last != nil && ctx == w.last.Context {
		return w.last
	}
	if speakerIn(ctx) == w.speaker {
		return ctx
	}
	bound := &workerContext{Context: ctx, speaker: w.speaker}
	if reflect.TypeOf(ctx).Kind() == reflect.Pointer { // others may not be comparable
		w.last = bound
	}
	return bound
}

// sampledIn reports whether ctx carries a sampled span.
func sampledIn(ctx context.Context) bool {
	if c, ok := ctx.(*workerContext); ok && c.plain {
		return false
	}
	return ctx != context.Background() && trace.SpanContextFromContext(ctx).IsSampled()
}
