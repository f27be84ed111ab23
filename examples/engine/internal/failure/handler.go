// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package failure deals with events that could not be handled: it tries again, and then logs them, drops them, hands
// them to a dead-letter stream or keeps them in a store.
package failure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

// Config says what becomes of the failed events of a stream.
type Config struct {
	Stream *event.Schema
	Names  *event.Symbols
	Logger *slog.Logger
	// Strategy is log, drop, stream or store, or one of them after "retry-then-".
	Strategy string
	// Publish takes rows of DeadLetters(Stream); for stream.
	Publish func(ctx context.Context, m junction.Message) error
	Store   *Store // for store
}

// DeadLetters describes the dead-letter stream of s: its columns, and "error" with the class of the error.
func DeadLetters(s *event.Schema) *event.Schema {
	return &event.Schema{
		Stream:  s.Stream + "_DLQ",
		Columns: append(slices.Clip(s.Columns), event.Column{Name: "error", Type: event.Symbol}),
	}
}

// Handler deals with the failed events of one stream. Safe for any number of goroutines.
type Handler struct {
	Config

	retry   bool
	action  semconv.ErrorActionValue
	letters *event.Schema
	stream  *telemetry.Stream
	handle  *telemetry.ErrorHandler
	logged  atomic.Int64 // when, in nanoseconds since 1970
	held    atomic.Int64 // events since then
}

// New binds a handler to app.
func New(app *telemetry.App, c Config) (*Handler, error) {
	action, retry := strings.CutPrefix(c.Strategy, "retry-then-")
	h := &Handler{
		Config: c, retry: retry, action: semconv.ErrorActionValue(action),
		letters: DeadLetters(c.Stream), stream: app.Stream(c.Stream.Stream), handle: app.ErrorHandler(c.Stream.Stream),
	}
	switch {
	case action == "log", action == "drop", action == "stream" && c.Publish != nil:
	case action == "store" && c.Store != nil:
		h.handle.Stored().Func(c.Store.Len)
	default:
		return nil, fmt.Errorf("stream %s: no error strategy %q here; want log, drop, stream or store, alone or after retry-then-", c.Stream.Stream, c.Strategy)
	}
	return h, nil
}

// Handle deals with rows that failed with err, while b was handled; errorType is one of a closed set. again, unless
// nil, tries once more. An error means that ctx has ended first and the rows are still the caller's.
func (h *Handler) Handle(ctx context.Context, b telemetry.Batch, rows *event.Batch, errorType string, err error, again func(context.Context) error) error {
	category := semconv.ErrorCategoryTransient
	if again == nil || sink.IsPermanent(err) {
		category = semconv.ErrorCategoryPermanent
	} else if h.retry {
		if err = h.repeat(ctx, err, again); err == nil {
			h.handle.Handled(semconv.ErrorStrategyRetry, category).Inc()
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("give up failed events of %s: %w", h.Stream.Stream, err)
		}
	}
	done := h.action
	if failed := h.act(ctx, b, rows, errorType, err); failed != nil {
		if done, err = semconv.ErrorActionLog, errors.Join(err, failed); ctx.Err() != nil {
			return fmt.Errorf("give up failed events of %s: %w", h.Stream.Stream, err)
		}
	}
	h.count(done, category, rows.Len())
	h.log(b.Context(), done, rows.Len(), errorType, err)
	return nil
}

const retries = 5

// repeat tries again until that succeeds, helps no more or ctx ends. The pause before it doubles.
func (h *Handler) repeat(ctx context.Context, err error, again func(context.Context) error) error {
	pause := 50 * time.Millisecond
	for n := 0; n < retries && err != nil && !sink.IsPermanent(err); n++ {
		delay := max(pause<<n, sink.Pause(err))
		h.handle.RetryDelay().Observe(delay)
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return err
		}
		result := semconv.ResultSuccess
		if err = again(ctx); err != nil {
			result = semconv.ResultFailure
		}
		h.handle.Retries(result).Inc()
	}
	return err
}

// act puts rows where the strategy says.
func (h *Handler) act(ctx context.Context, b telemetry.Batch, rows *event.Batch, errorType string, cause error) error {
	switch h.action {
	case semconv.ErrorActionStream:
		err := h.publish(ctx, b, rows, errorType)
		result := semconv.ResultSuccess
		if err != nil {
			result = semconv.ResultFailure
			h.handle.DLQFallbacks(semconv.DLQFallbackLog).Add(rows.Len())
		}
		h.handle.DLQEvents(h.letters.Stream, result).Add(rows.Len())
		return err
	case semconv.ErrorActionStore:
		var events [][]byte
		for i := range rows.Len() {
			e, _ := json.Marshal(map[string]any{ // cannot fail
				"failed": time.Now().UTC(), "type": errorType, "error": fmt.Sprintf("%.1000s", cause),
				"event": json.RawMessage(sink.AppendRow(nil, rows.Schema, rows.Row(i), h.Names)),
			})
			events = append(events, e)
		}
		return h.Store.Add(events...)
	default:
		return nil
	}
}

func (h *Handler) publish(ctx context.Context, b telemetry.Batch, rows *event.Batch, errorType string) error {
	id, err := h.Names.Intern(errorType)
	if err == nil && !rows.Schema.SameColumns(h.Stream) {
		err = fmt.Errorf("rows of %s have other columns than %s", rows.Schema.Stream, h.letters.Stream)
	}
	if err != nil {
		return err
	}
	out := event.NewBatch(h.letters, rows.Len())
	for i := range rows.Len() {
		r := out.Append()
		copy(r, rows.Row(i))
		r.SetSymbol(len(h.Stream.Columns), id)
	}
	return h.Publish(ctx, junction.Message{Ctx: b.Context(), Batch: out})
}

func (h *Handler) count(done semconv.ErrorActionValue, category semconv.ErrorCategoryValue, n int) {
	h.stream.OnErrorActions(done).Add(n)
	strategy := semconv.ErrorStrategyDLQ
	if done == semconv.ErrorActionLog || done == semconv.ErrorActionDrop {
		strategy = semconv.ErrorStrategyDrop
	}
	h.handle.Handled(strategy, category).Inc()
}

// log says what became of events, once per second at most; events that are to be dropped go in silence.
func (h *Handler) log(ctx context.Context, done semconv.ErrorActionValue, n int, errorType string, err error) {
	if done == semconv.ErrorActionDrop {
		return
	}
	h.held.Add(int64(n))
	if now, last := time.Now().UnixNano(), h.logged.Load(); now-last >= int64(time.Second) && h.logged.CompareAndSwap(last, now) {
		h.Logger.WarnContext(ctx, "events failed", "stream.name", h.Stream.Stream, "eventflux.error.action", string(done),
			"event.count", h.held.Swap(0), "error.type", errorType, "error", err)
	}
}
