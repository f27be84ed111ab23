// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stuck is a check that ignores its context until it is let go.
type stuck struct {
	dial

	let chan struct{}
}

func (s *stuck) Check(ctx context.Context) Result {
	r := s.dial.Check(ctx)
	<-s.let
	return r
}

func TestAHangingCheckIsUnhealthyAndNotStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		s := &stuck{dial: dial{result: Result{Status: Healthy}}, let: make(chan struct{})}
		register(t, r, "state_backend", s)
		pass(2*time.Second - 1)
		assert.Equal(t, Unknown, r.Status())
		pass(1)
		check := r.Report().Checks[0]
		assert.Equal(t, Unhealthy, check.Status)
		assert.Equal(t, "did not answer within 2s", check.Message)
		assert.Equal(t, 2*time.Second, check.Duration)
		pass(time.Hour)
		assert.Equal(t, 1, s.count())
		check = r.Report().Checks[0]
		assert.Equal(t, uint64(1), check.Runs)
		assert.Equal(t, uint64(1), check.Failures)

		close(s.let)
		synctest.Wait()
		assert.Equal(t, Unhealthy, r.Status(), "what it answers comes too late")
		pass(10 * time.Second)
		assert.Equal(t, Healthy, r.Status())
	})
}

func TestAHangingCheckPassesItsThresholdTickByTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		s := &stuck{dial: dial{result: Result{Status: Healthy}}, let: make(chan struct{})}
		register(t, r, "state_backend", s, WithThreshold(3))
		pass(19 * time.Second)
		assert.Equal(t, Unknown, r.Status())
		pass(time.Second)
		assert.Equal(t, Unhealthy, r.Status())
		close(s.let)
		synctest.Wait()
	})
}

func TestACheckThatObeysItsContextIsLateAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		d := healthy()
		register(t, r, "sink", CheckFunc(func(ctx context.Context) Result {
			_, bounded := ctx.Deadline()
			assert.True(t, bounded)
			<-ctx.Done()
			return d.Check(ctx)
		}), WithTimeout(time.Second))
		pass(25 * time.Second)
		check := r.Report().Checks[0]
		assert.Equal(t, "did not answer within 1s", check.Message)
		assert.Equal(t, uint64(3), check.Failures)
		assert.Equal(t, 3, d.count(), "it returned, so it is started again")
	})
}

func TestAPanicIsAnUnhealthyPart(t *testing.T) {
	for name, misbehave := range map[string]func(){
		"panicked: torn down":                       func() { panic("torn down") },
		"ended its goroutine instead of answering":  runtime.Goexit,
		"panicked: runtime error: index out of ran": func() { _ = make([]int, 1)[len("ab")] },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := open(t, Observer{})
				register(t, r, "sink", CheckFunc(func(context.Context) Result {
					misbehave()
					return Result{Status: Healthy}
				}))
				pass(15 * time.Second)
				check := r.Report().Checks[0]
				assert.Equal(t, Unhealthy, check.Status)
				assert.Contains(t, check.Message, name)
				assert.Equal(t, uint64(2), check.Failures, "it is run again")
			})
		})
	}
}

func TestCloseWaitsForARunThatMayStillAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Observer{})
		register(t, r, "sink", CheckFunc(func(context.Context) Result {
			time.Sleep(time.Second)
			return Result{Status: Healthy}
		}))
		synctest.Wait()
		began := time.Now()
		require.NoError(t, r.Close(t.Context()))
		assert.Equal(t, time.Second, time.Since(began))
		assert.Equal(t, Unknown, r.Report().Checks[0].Status, "its answer does not count any more")
	})
}

func TestCloseLeavesAHangingCheckBehindAndNamesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Observer{})
		hanging, slow := &stuck{let: make(chan struct{})}, &stuck{let: make(chan struct{})}
		register(t, r, "state_backend", hanging)
		pass(5 * time.Second)
		register(t, r, "sink", slow)
		synctest.Wait()
		began := time.Now()
		require.EqualError(t, r.Close(t.Context()), "could not end health checks, still running: sink, state_backend")
		assert.Equal(t, 2*time.Second, time.Since(began), "the time that the other one had left")
		close(hanging.let)
		close(slow.let)
		synctest.Wait()
		require.NoError(t, r.Close(t.Context()))
	})
}

func TestCloseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Observer{})
		s := &stuck{let: make(chan struct{})}
		register(t, r, "sink", s)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		began := time.Now()
		require.ErrorContains(t, r.Close(ctx), "sink")
		assert.Equal(t, 10*time.Millisecond, time.Since(began))
		close(s.let)
		require.NoError(t, r.Close(t.Context()))
	})
}

func TestAHangingCheckCountsUntilItReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Observer{})
		let := make(chan struct{})
		for range maxChecks {
			unregister := register(t, r, "sink", &stuck{let: let})
			pass(3 * time.Second)
			unregister()
		}
		_, err := r.Register("sink", healthy())
		require.ErrorContains(t, err, "the limit")
		close(let)
		synctest.Wait()
		register(t, r, "sink", healthy())
	})
}

func TestWithoutChecksThereIsNoGoroutine(t *testing.T) {
	soon := func(want int) {
		t.Helper()
		require.Eventually(t, func() bool { return loops() == want }, 5*time.Second, time.Millisecond)
	}
	soon(0) // those of other tests end
	r := New(Observer{})
	assert.Zero(t, loops())
	unregister := register(t, r, "sink", healthy())
	soon(1)
	unregister()
	soon(0)
}

// loops returns how many goroutines run checks.
func loops() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), ".loop(")
}
