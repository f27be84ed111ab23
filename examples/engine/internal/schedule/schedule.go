// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package schedule runs tasks when they are due, and publishes the events of triggers.
package schedule

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
)

const maxTasks = 1024 // that are not due yet, or wait for a worker

// Func is what a task does. due is when it should have begun; ctx ends with the scheduler.
type Func func(ctx context.Context, due time.Time) error

type task struct {
	handle *telemetry.Scheduler
	name   string
	f      Func
	due    time.Time
	next   func(now time.Time) time.Time // nil: there is only one time
	busy   atomic.Bool                   // waits for a worker, or runs
}

// Scheduler runs tasks on a few workers. A task that is due while it still runs is not run twice, but counted as
// rejected. Any goroutine may add tasks, before Run or later.
type Scheduler struct {
	logger               *slog.Logger
	oneShot, every, cron *telemetry.Scheduler
	executor             *telemetry.Executor
	workers              chan struct{} // holds one for each that is busy
	waiting              atomic.Int64  // runs without a worker
	timer                *time.Timer   // of the next task; reset under the lock only

	mu    sync.Mutex
	tasks []*task // the next one first
}

// New returns a scheduler that runs at most so many tasks at the same time.
func New(app *telemetry.App, logger *slog.Logger, workers int) *Scheduler {
	s := &Scheduler{logger: logger, workers: make(chan struct{}, workers), timer: time.NewTimer(0)}
	s.oneShot, s.every = app.Scheduler(semconv.TaskTypeOneShot), app.Scheduler(semconv.TaskTypePeriodic)
	s.cron, s.executor = app.Scheduler(semconv.TaskTypeCron), app.Executor("scheduler")
	s.executor.Threads(semconv.ThreadStateBusy).Func(func() int64 { return int64(len(s.workers)) })
	s.executor.Threads(semconv.ThreadStateIdle).Func(func() int64 { return int64(workers - len(s.workers)) })
	s.executor.QueueDepth().Func(s.waiting.Load)
	return s
}

// At runs f once: at when, or soon if that has passed.
func (s *Scheduler) At(name string, when time.Time, f Func) error {
	return s.add(&task{handle: s.oneShot, name: name, f: f, due: when})
}

// Every runs f each period, for the first time after one.
func (s *Scheduler) Every(name string, period time.Duration, f Func) error {
	if period <= 0 {
		return fmt.Errorf("could not schedule %q: want a positive period, got %s", name, period)
	}
	t := &task{handle: s.every, name: name, f: f, due: time.Now().Add(period)}
	t.next = func(now time.Time) time.Time { return t.due.Add((now.Sub(t.due)/period + 1) * period) }
	return s.add(t)
}

// Cron runs f when spec says: five fields, or six if seconds come first, in local time unless CRON_TZ= precedes them.
func (s *Scheduler) Cron(name, spec string, f Func) error {
	const fields = cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow
	plan, err := cron.NewParser(fields).Parse(spec + " ") // it panics if nothing ends the time zone
	if err != nil {
		return fmt.Errorf("could not schedule %q for %q: %w", name, spec, err)
	}
	t := &task{handle: s.cron, name: name, f: f, due: plan.Next(time.Now()), next: plan.Next}
	if t.due.IsZero() {
		return fmt.Errorf("could not schedule %q: %q is no time within five years", name, spec)
	}
	return s.add(t)
}

// TriggerSchema describes the stream of a trigger, which has its name. An event holds when it was due.
func TriggerSchema(name string) *event.Schema {
	return &event.Schema{Stream: name, Columns: []event.Column{{Name: "triggered_time", Type: event.Time}}}
}

// Trigger returns a task that publishes one event of a TriggerSchema.
func Trigger(app *telemetry.App, kind semconv.TriggerTypeValue, into *event.Schema, publish func(context.Context, junction.Message) error) Func {
	h := app.Trigger(into.Stream, kind)
	return func(ctx context.Context, due time.Time) error {
		now, b := time.Now(), event.NewBatch(into, 1)
		h.Delay().Observe(now.Sub(due))
		r := b.Append()
		r.SetTime(now.UnixNano())
		r.SetInt(0, due.UnixNano())
		m := junction.Message{Ctx: context.Background(), Batch: b, Source: "trigger", ReadStart: now, ReadEnd: now}
		if err := publish(ctx, m); err != nil {
			h.Errors("publish").Inc()
			return fmt.Errorf("could not publish the event of trigger %q: %w", into.Stream, err)
		}
		h.Fires().Inc()
		return nil
	}
}

func (s *Scheduler) add(t *task) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tasks)+int(s.waiting.Load()) >= maxTasks {
		return fmt.Errorf("could not schedule %q: %d tasks wait already; let one do the work of several", t.name, maxTasks)
	}
	s.insert(t)
	s.timer.Reset(0)
	return nil
}

func (s *Scheduler) insert(t *task) {
	i, _ := slices.BinarySearchFunc(s.tasks, t, func(a, b *task) int { return cmp.Or(a.due.Compare(b.due), -1) })
	s.tasks = slices.Insert(s.tasks, i, t)
	t.handle.TasksPending().Add(1)
}

// Run runs what is due until ctx ends, and returns when no task runs any more.
func (s *Scheduler) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for ctx.Err() == nil {
		s.start(time.Now(), func(t *task, due time.Time) { running.Go(func() { s.run(ctx, t, due) }) })
		select {
		case <-s.timer.C:
		case <-ctx.Done():
		}
	}
}

// start begins what is due at now, and sets the timer: to a minute at most, for cron tasks follow the wall clock.
func (s *Scheduler) start(now time.Time, begin func(t *task, due time.Time)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Reset(time.Minute)
	for len(s.tasks) > 0 {
		t, due := s.tasks[0], s.tasks[0].due
		if due.After(now) {
			s.timer.Reset(min(due.Sub(now), time.Minute))
			return
		}
		s.tasks = slices.Delete(s.tasks, 0, 1)
		t.handle.TasksPending().Add(-1)
		if t.busy.CompareAndSwap(false, true) {
			s.waiting.Add(1)
			begin(t, due)
		} else {
			t.handle.TasksExecuted(semconv.ResultRejected).Inc()
		}
		if t.next != nil {
			t.due = t.next(now)
			s.insert(t)
		}
	}
}

func (s *Scheduler) run(ctx context.Context, t *task, due time.Time) {
	s.workers <- struct{}{}
	s.waiting.Add(-1)
	begin, result := time.Now(), semconv.ResultSuccess
	t.handle.Delay().Observe(begin.Sub(due))
	if err := t.f(ctx, due); err != nil {
		result = semconv.ResultFailure
		s.logger.WarnContext(ctx, "scheduled task failed", "task", t.name, "error", err.Error())
	}
	t.handle.TasksExecuted(result).Inc()
	t.handle.TaskDuration().Observe(time.Since(begin))
	s.executor.TaskDuration().Observe(time.Since(begin))
	t.busy.Store(false)
	<-s.workers
}
