// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dial is a check that answers what it is set to.
type dial struct {
	mu     sync.Mutex
	result Result
	runs   int
}

func (d *dial) Check(context.Context) Result {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.runs++
	return d.result
}

func (d *dial) set(s Status, message string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.result = Result{Status: s, Message: message}
}

func (d *dial) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.runs
}

func healthy() *dial { return &dial{result: Result{Status: Healthy}} }

// open returns a registry that the test closes. In a synctest bubble it lives in synthetic time.
func open(t *testing.T, o Observer) *Registry {
	t.Helper()
	r := New(o)
	t.Cleanup(func() { require.NoError(t, r.Close(context.Background())) })
	return r
}

func register(t *testing.T, r *Registry, name string, c Check, opts ...Option) (unregister func()) {
	t.Helper()
	unregister, err := r.Register(name, c, opts...)
	require.NoError(t, err)
	return unregister
}

// pass lets time go by and everything happen that is due.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestWithoutChecksAnEngineIsHealthyReadyAndLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		report := r.Report()
		assert.Equal(t, Report{Status: Healthy, Since: time.Now(), Ready: true, Live: true, Score: 1, Checks: []CheckReport{}}, report)
	})
}

func TestEveryCheckRunsAtOnceAndThenOnItsOwnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		often, seldom := healthy(), healthy()
		register(t, r, "often", often, WithInterval(100*time.Millisecond))
		register(t, r, "seldom", CheckFunc(func(ctx context.Context) Result {
			time.Sleep(time.Millisecond)
			return seldom.Check(ctx)
		}))
		synctest.Wait()
		assert.Equal(t, Unknown, r.Status(), "nothing is known of one of them")
		assert.False(t, r.Ready())
		pass(time.Millisecond)
		assert.Equal(t, Healthy, r.Status())
		assert.True(t, r.Ready())
		pass(10 * time.Second)
		assert.Equal(t, 101, often.count())
		assert.Equal(t, 2, seldom.count())
	})
}

func TestTheReportIsSortedAndComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		began := time.Now()
		backend := healthy()
		register(t, r, "state_backend", backend)
		register(t, r, "event_pipeline", CheckFunc(func(context.Context) Result {
			time.Sleep(time.Second)
			return Result{Status: Degraded, Message: "slow"}
		}), WithSeverity(Warning))
		pass(5 * time.Second)
		backend.set(Unhealthy, "disk full")
		pass(10 * time.Second)
		assert.Equal(t, Report{
			Status: Unhealthy, Since: began.Add(10 * time.Second), Live: true, Score: 1,
			Checks: []CheckReport{
				{
					Name: "event_pipeline", Severity: Warning, Status: Degraded, Message: "slow",
					Since: began.Add(time.Second), Duration: time.Second, Runs: 2,
				},
				{
					Name: "state_backend", Status: Unhealthy, Message: "disk full",
					Since: began.Add(10 * time.Second), Runs: 2, Failures: 1,
				},
			},
		}, r.Report())
	})
}

func TestShuttingDownWinsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		d := &dial{result: Result{Status: Unhealthy}}
		register(t, r, "sink", d)
		synctest.Wait()
		r.SetShuttingDown()
		r.SetShuttingDown()
		assert.Equal(t, ShuttingDown, r.Status())
		assert.False(t, r.Ready())
		assert.True(t, r.Live())
		d.set(Healthy, "")
		pass(10 * time.Second)
		assert.Equal(t, ShuttingDown, r.Status())
		assert.False(t, r.Ready())
		assert.Equal(t, Healthy, r.Report().Checks[0].Status, "the checks go on")
	})
}

func TestAClosedRegistryIsShuttingDownAndKeepsItsLastResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		d := healthy()
		unregister := register(t, r, "sink", d)
		synctest.Wait()
		require.NoError(t, r.Close(t.Context()))
		pass(time.Minute)
		assert.Equal(t, 1, d.count(), "no check runs any more")
		report := r.Report()
		assert.Equal(t, ShuttingDown, report.Status)
		assert.False(t, report.Live)
		assert.Equal(t, Healthy, report.Checks[0].Status)
		_, err := r.Register("late", healthy())
		require.EqualError(t, err, `could not register health check "late": the registry is closed`)
		unregister()
		assert.Empty(t, r.Report().Checks)
	})
}

func TestUnregisteringFreesTheNameAndForgetsTheCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		first := &dial{result: Result{Status: Unhealthy}}
		unregister := register(t, r, "sink", first)
		synctest.Wait()
		_, err := r.Register("sink", healthy())
		require.ErrorContains(t, err, "the name is taken")
		unregister()
		assert.Equal(t, Healthy, r.Status())
		register(t, r, "sink", healthy())
		unregister() // for the second time: the new check of this name stays
		pass(time.Minute)
		assert.Equal(t, 1, first.count())
		assert.Len(t, r.Report().Checks, 1)
	})
}

func TestARunThatEndsAfterUnregisteringDoesNotCount(t *testing.T) {
	var failures int
	observer := Observer{Added: func(Registration) CheckObserver {
		return CheckObserver{Ran: func(_ time.Duration, failed bool) { failures++ }}
	}}
	synctest.Test(t, func(t *testing.T) {
		r := open(t, observer)
		unregister := register(t, r, "sink", CheckFunc(func(ctx context.Context) Result {
			<-ctx.Done()
			return FromError(ctx.Err())
		}))
		synctest.Wait()
		unregister()
		synctest.Wait()
		assert.Zero(t, failures)
		assert.Equal(t, Healthy, r.Status())
	})
}

func TestWhatCannotBeRegisteredIsAnErrorThatSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		tests := []struct {
			name  string
			check Check
			opts  []Option
			want  string
		}{
			{"", healthy(), nil, "a name has 1 to 64 characters, got 0"},
			{strings.Repeat("a", 65), healthy(), nil, "got 65"},
			{"State", healthy(), nil, "made of a-z"},
			{"a b", healthy(), nil, "made of a-z"},
			{Overall, healthy(), nil, "the name is that of the whole"},
			{"sink", nil, nil, "the check is nil"},
			{"sink", CheckFunc(nil), nil, "the check is nil"},
			{"sink", healthy(), []Option{WithTimeout(-1)}, "timeout must be"},
		}
		for _, tt := range tests {
			unregister, err := r.Register(tt.name, tt.check, tt.opts...)
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, "could not register health check")
			unregister()
		}
		assert.Empty(t, r.Report().Checks)
		register(t, r, "a-z.0_9"[2:], healthy())
	})
}

func TestTheNumberOfChecksIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		var last func()
		for i := range maxChecks {
			last = register(t, r, fmt.Sprintf("c%d", i), healthy())
		}
		_, err := r.Register("more", healthy())
		require.ErrorContains(t, err, "there are 64 checks, which is the limit")
		last()
		synctest.Wait()
		register(t, r, "more", healthy())
	})
}

func TestANilRegistryIsHealthy(t *testing.T) {
	var r *Registry
	unregister, err := r.Register("sink", healthy())
	require.NoError(t, err)
	unregister()
	r.SetShuttingDown()
	assert.Equal(t, Report{Status: Healthy, Ready: true, Live: true, Score: 1}, r.Report())
	assert.Equal(t, Healthy, r.Status())
	assert.True(t, r.Ready())
	assert.True(t, r.Live())
	assert.Equal(t, 1.0, r.Score())
	require.NoError(t, r.Close(t.Context()))
}

func TestRegistryConcurrentSafe(t *testing.T) {
	r := New(Observer{Changed: func(Change) {}, Added: func(Registration) CheckObserver { return CheckObserver{} }})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				unregister, err := r.Register(fmt.Sprintf("c%d", i), NewPipeline(nil), WithInterval(minInterval))
				assert.NoError(t, err)
				_, _ = r.Report(), r.Ready()
				unregister()
			}
		})
	}
	wg.Go(func() { r.SetShuttingDown() })
	wg.Wait()
	require.NoError(t, r.Close(t.Context()))
}
