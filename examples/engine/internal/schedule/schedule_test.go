// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/enginetest"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running starts s until the test ends or stop is called, which returns when all tasks are done.
func running(t *testing.T, s *Scheduler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { s.Run(ctx) })
	stop = func() {
		cancel()
		done.Wait()
	}
	t.Cleanup(stop)
	return stop
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// diary notes when tasks run, in seconds since it was begun.
type diary struct {
	begun time.Time
	mu    sync.Mutex
	notes []string
}

func (d *diary) task(name string, takes time.Duration) Func {
	return func(ctx context.Context, _ time.Time) error {
		d.mu.Lock()
		d.notes = append(d.notes, name+"@"+strconv.FormatFloat(time.Since(d.begun).Seconds(), 'f', -1, 64))
		d.mu.Unlock()
		select {
		case <-time.After(takes):
		case <-ctx.Done():
		}
		return nil
	}
}

func (d *diary) expect(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.Sort(d.notes) // tasks of the same time run in any order
	slices.Sort(want)
	if !slices.Equal(d.notes, want) {
		t.Errorf("ran %v, want %v", d.notes, want)
	}
}

func TestTasksRunWhenTheyAreDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble begins at midnight
		s, d := New(nil, quiet(), 4), &diary{begun: time.Now()}
		for _, err := range []error{
			s.Every("every", 20*time.Second, d.task("every", time.Millisecond)),
			s.Cron("cron", "CRON_TZ=UTC */30 * * * * *", d.task("cron", 0)),
			s.Cron("minutes", "CRON_TZ=UTC 1 0 * * *", d.task("minutes", 0)),
			s.At("once", time.Now().Add(25*time.Second), d.task("once", 0)),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		running(t, s)
		time.Sleep(45 * time.Second)
		d.expect(t, "every@20", "once@25", "cron@30", "every@40")
		if err := s.At("late", time.Now().Add(-time.Hour), d.task("late", 0)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := s.At("soon", time.Now().Add(time.Second), d.task("soon", 0)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(16 * time.Second) // 61
		d.expect(t, "cron@30", "cron@60", "every@20", "every@40", "every@60", "late@45", "minutes@60", "once@25", "soon@46")
	})
}

func TestASlowTaskDelaysNoOtherAndRunsOnlyOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, r := enginetest.Start(t)
		s, d := New(app, quiet(), 2), &diary{begun: time.Now()}
		if err := errors.Join(s.Every("slow", 10*time.Second, d.task("slow", 25*time.Second)),
			s.Every("fast", 11*time.Second, d.task("fast", time.Second))); err != nil {
			t.Fatal(err)
		}
		stop := running(t, s)
		time.Sleep(22*time.Second + 500*time.Millisecond)
		r.Expect(t, map[string]float64{
			"eventflux.executor.threads scheduler busy": 2, "eventflux.executor.threads scheduler idle": 0,
			"eventflux.executor.queue.depth scheduler": 0, "eventflux.scheduler.tasks.pending periodic": 2,
			"eventflux.scheduler.tasks.executed periodic rejected": 1,
		})
		time.Sleep(19 * time.Second) // 41.5 s
		stop()
		d.expect(t, "slow@10", "fast@11", "fast@22", "fast@33", "slow@40")
		r.Expect(t, map[string]float64{
			"eventflux.scheduler.tasks.executed periodic success": 5, "eventflux.scheduler.tasks.executed periodic rejected": 2,
			"eventflux.executor.threads scheduler busy": 0, "eventflux.executor.threads scheduler idle": 2,
			"eventflux.scheduler.delay periodic": 5, "eventflux.scheduler.delay periodic sum": 0,
			"eventflux.scheduler.task.duration periodic sum": 25 + 3 + 1.5, "eventflux.executor.task.duration scheduler sum": 25 + 3 + 1.5,
		})
	})
}

func TestTasksWaitForAWorkerAndTheirDelayIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, r := enginetest.Start(t)
		s, d := New(app, quiet(), 1), &diary{begun: time.Now()}
		for _, name := range []string{"a", "b", "c"} {
			if err := s.At(name, time.Now(), d.task("x", 2*time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		stop := running(t, s)
		time.Sleep(time.Second)
		r.Expect(t, map[string]float64{"eventflux.executor.queue.depth scheduler": 2, "eventflux.scheduler.tasks.pending one_shot": 0})
		time.Sleep(5 * time.Second)
		stop()
		d.expect(t, "x@0", "x@2", "x@4")
		r.Expect(t, map[string]float64{
			"eventflux.scheduler.delay one_shot": 3, "eventflux.scheduler.delay one_shot sum": 6, "eventflux.executor.queue.depth scheduler": 0,
		})
	})
}

func TestPeriodsThatWereMissedAreSkippedAndThePhaseIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(nil, quiet(), 1), &diary{begun: time.Now()}
		if err := s.Every("every", 2*time.Second, d.task("every", 0)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Second)
		running(t, s)
		time.Sleep(4 * time.Second)
		d.expect(t, "every@7", "every@8", "every@10")
	})
}

func TestFailuresAreCountedAndLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, r := enginetest.Start(t)
		var log bytes.Buffer
		s := New(app, slog.New(slog.NewTextHandler(&log, nil)), 1)
		if err := s.At("broken", time.Now(), func(context.Context, time.Time) error { return errors.New("no luck") }); err != nil {
			t.Fatal(err)
		}
		stop := running(t, s)
		synctest.Wait()
		stop()
		r.Expect(t, map[string]float64{"eventflux.scheduler.tasks.executed one_shot failure": 1})
		if !strings.Contains(log.String(), `task=broken error="no luck"`) {
			t.Errorf("the log says %q", log.String())
		}
	})
}

func TestRunReturnsOnlyWhenEveryTaskIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ended := New(nil, quiet(), 1), 0
		for range 3 {
			if err := s.At("x", time.Now(), func(ctx context.Context, _ time.Time) error {
				<-ctx.Done()
				time.Sleep(time.Second)
				ended++
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		stop := running(t, s)
		synctest.Wait()
		stop()
		if ended != 3 {
			t.Errorf("%d tasks had ended, want all 3", ended)
		}
	})
}

func TestTasksThatCannotRunAreRefused(t *testing.T) {
	s := New(nil, quiet(), 1)
	never := func(context.Context, time.Time) error { return nil }
	for spec, want := range map[string]string{
		"* * *": "expected 5 to 6 fields", "99 * * * *": "above maximum", "CRON_TZ=UTC": "found 0", "TZ=": "found 0",
		"CRON_TZ=Nowhere * * * * *": "bad location", "0 0 30 2 *": "no time within five years", "": "found 0", "@hourly": "does not accept descriptors",
	} {
		if err := s.Cron("x", spec, never); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"x"`) {
			t.Errorf("%q: %v, want it to say %q", spec, err, want)
		}
	}
	if err := s.Every("x", 0, never); err == nil || !strings.Contains(err.Error(), "positive period") {
		t.Errorf("a period of zero: %v", err)
	}
	for range maxTasks {
		if err := s.Every("x", time.Hour, never); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.At("x", time.Now(), never); err == nil || !strings.Contains(err.Error(), "1024 tasks wait already") {
		t.Errorf("one task too many: %v", err)
	}
}

func TestTasksMayComeFromAnywhereConcurrentSafe(t *testing.T) {
	s := New(nil, quiet(), 3)
	running(t, s)
	var adders, runs sync.WaitGroup
	for range 4 {
		runs.Add(100)
		adders.Go(func() {
			for i := range 100 {
				due := time.Now().Add(time.Duration(i) * time.Microsecond)
				if err := s.At("x", due, func(context.Context, time.Time) error { runs.Done(); return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	adders.Wait()
	runs.Wait()
}

func TestTriggersPublishWhenTheyWereDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, r := enginetest.Start(t)
		s, begun := New(app, quiet(), 4), time.Now()
		got := map[string][]float64{}
		var mu sync.Mutex
		publish := func(_ context.Context, m junction.Message) error {
			mu.Lock()
			defer mu.Unlock()
			row := m.Batch.Row(0)
			if m.Batch.Len() != 1 || row.Int(0) != row.Time() || m.Source != "trigger" || m.Ctx.Err() != nil {
				t.Errorf("got %v from %q", row, m.Source)
			}
			name := m.Batch.Schema.Stream
			got[name] = append(got[name], time.Unix(0, row.Int(0)).Sub(begun).Seconds())
			if name == "Hourly" && len(got[name]) == 2 {
				return errors.New("stream is closed")
			}
			return nil
		}
		trigger := func(name string, kind semconv.TriggerTypeValue) Func {
			return Trigger(app, kind, TriggerSchema(name), publish)
		}
		if err := errors.Join(s.At("Begin", begun, trigger("Begin", semconv.TriggerTypeStart)),
			s.Every("Often", 25*time.Minute, trigger("Often", semconv.TriggerTypePeriodic)),
			s.Cron("Hourly", "0 * * * *", trigger("Hourly", semconv.TriggerTypeCron))); err != nil {
			t.Fatal(err)
		}
		stop := running(t, s)
		time.Sleep(2*time.Hour + time.Second)
		stop()
		for name, want := range map[string][]float64{"Begin": {0}, "Often": {1500, 3000, 4500, 6000}, "Hourly": {3600, 7200}} {
			if !slices.Equal(got[name], want) {
				t.Errorf("%s fired at %v, want %v", name, got[name], want)
			}
		}
		r.Expect(t, map[string]float64{
			"eventflux.trigger.fires Begin start": 1, "eventflux.trigger.fires Often periodic": 4, "eventflux.trigger.fires Hourly cron": 1,
			"eventflux.trigger.errors publish Hourly cron": 1, "eventflux.trigger.delay Often periodic": 4,
			"eventflux.scheduler.tasks.executed cron failure": 1,
		})
	})
}
