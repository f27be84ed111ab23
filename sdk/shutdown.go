// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// defaultDeadline bounds Shutdown and ForceFlush for callers that set no deadline.
const defaultDeadline = 10 * time.Second

// shutdown remembers the one real Shutdown for those who call it again.
type shutdown struct {
	once sync.Once
	err  error
}

// ForceFlush exports what has been recorded so far, writes the local log out, and reports the failures of doing so. It returns at ctx's
// deadline (10s if it has none), even if an exporter hangs.
func (s *SDK) ForceFlush(ctx context.Context) error {
	if s == nil {
		return nil
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if s.registry == nil {
		return s.local.flush(ctx)
	}
	mark := s.errors.mark()
	err := inParallel(ctx,
		step{"flush metrics", s.providers.metrics.ForceFlush},
		step{"flush traces", s.providers.traces.ForceFlush},
		step{"flush logs", s.providers.logs.ForceFlush},
	)
	return errors.Join(err, s.local.flush(ctx), s.errors.since(mark))
}

// Shutdown makes Health shutting down, stops tracing, ends the health checks, exports what is left, says goodbye and closes the log file. The goodbye is a log event,
// entity.delete of this service.instance: it tells the collector that the engine left on purpose.
//
// Shutdown returns at ctx's deadline (10s if it has none) even if an exporter hangs, and reports the failures of
// the last export. Later calls return the result of the first. Handles stay legal afterwards.
func (s *SDK) Shutdown(ctx context.Context) error {
	if s == nil {
		return nil
	}
	s.shutdown.once.Do(func() {
		ctx, cancel := bounded(ctx)
		defer cancel()
		s.shutdown.err = s.stop(ctx)
	})
	return s.shutdown.err
}

func (s *SDK) stop(ctx context.Context) error {
	s.gates.stop()
	s.health.SetShuttingDown() // the last export says so
	ended := make(chan error, 1)
	go func() { ended <- s.health.Close(ctx) }()
	var err error
	if s.registry != nil {
		mark := s.errors.mark()
		err = errors.Join(s.stopProviders(ctx), s.errors.since(mark))
		s.providers.abandon()
		s.runtime.close()
	}
	err = errors.Join(err, <-ended)
	_, err = redact.Error(errors.Join(err, s.local.close(ctx)))
	return err
}

// stopProviders shuts the providers down: first metrics and traces, for which half of the time is kept, then
// logs, so that the goodbye comes after the last data and yet gets its chance if those hang.
func (s *SDK) stopProviders(ctx context.Context) error {
	deadline, _ := ctx.Deadline()
	first, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
	defer cancel()
	dataErr := inParallel(first,
		step{"shut down metrics", s.providers.metrics.Shutdown},
		step{"shut down traces", s.providers.shutDownTraces},
	)
	s.goodbye(ctx)
	logErr := inParallel(ctx, step{"shut down logs", s.providers.shutDownLogs})
	return errors.Join(dataErr, logErr)
}

// goodbye emits the entity event that tells a planned end from a death.
func (s *SDK) goodbye(ctx context.Context) {
	var r log.Record
	now := time.Now()
	r.SetEventName("entity.delete")
	r.SetTimestamp(now)
	r.SetObservedTimestamp(now)
	r.SetSeverity(log.SeverityInfo)
	r.AddAttributes(
		attribute.String("entity.type", "service.instance"),
		attribute.Map("entity.id", semconv.ServiceInstanceIDKey.String(s.providers.instanceID)),
		attribute.String("entity.delete.reason", "terminated"),
	)
	s.providers.logs.Logger(scopeName, log.WithInstrumentationVersion(Version)).Emit(context.WithoutCancel(ctx), r)
}

// step is one call that takes a deadline and may ignore it.
type step struct {
	name string
	call func(context.Context) error
}

// inParallel runs steps at the same time and waits for them until ctx ends. A step that is still running then is
// abandoned, not waited for.
func inParallel(ctx context.Context, steps ...step) error {
	type result struct {
		index int
		err   error
	}
	results := make(chan result, len(steps))
	for i, st := range steps {
		go func() { results <- result{i, st.run(ctx)} }()
	}
	errs := make([]error, len(steps))
	for i, st := range steps {
		errs[i] = fmt.Errorf("could not %s in time: %w", st.name, context.DeadlineExceeded)
	}
	for range steps {
		select {
		case r := <-results:
			errs[r.index] = r.err
		case <-ctx.Done():
			return errors.Join(errs...)
		}
	}
	return errors.Join(errs...)
}

func (st step) run(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("could not %s: panic: %v", st.name, p)
		}
	}()
	if err = st.call(ctx); err != nil {
		return fmt.Errorf("could not %s: %w", st.name, err)
	}
	return nil
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx == nil {
		ctx = context.Background()
	}
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, defaultDeadline)
}
