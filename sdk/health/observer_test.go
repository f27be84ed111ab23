// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// diary is an Observer that writes down everything.
type diary struct{ lines []string }

func (d *diary) note(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) observer() Observer {
	return Observer{
		Changed: func(c Change) { d.note("%s %s->%s", c.Check, c.From, c.To) },
		Added: func(registration Registration) CheckObserver {
			name := registration.Name
			d.note("%s added, %s and %s", name, registration.Severity, registration.Status())
			return CheckObserver{
				Ran:      func(took time.Duration, failed bool) { d.note("%s ran %s %v", name, took, failed) },
				Panicked: func(value any) { d.note("%s panicked with %v", name, value) },
				Changed:  func(c Change) { d.note("%s %s->%s %s", c.Check, c.From, c.To, c.Message) },
				Removed:  func() { d.note("%s removed", name) },
			}
		},
	}
}

func TestAnObserverHearsOfEverythingInOrder(t *testing.T) {
	var d diary
	synctest.Test(t, func(t *testing.T) {
		r := open(t, d.observer())
		calls := 0
		unregister := register(t, r, "sink", CheckFunc(func(context.Context) Result {
			calls++
			time.Sleep(time.Second)
			switch calls {
			case 1:
				return Result{Status: Healthy}
			case 2:
				panic("torn down")
			default:
				return FromError(errors.New("no route"))
			}
		}))
		pass(25 * time.Second)
		unregister()
		r.SetShuttingDown()
	})
	assert.Equal(t, []string{
		"sink added, critical and unknown",
		"overall healthy->unknown",
		"sink ran 1s false",
		"sink unknown->healthy ",
		"overall unknown->healthy",
		"sink panicked with torn down",
		"sink ran 1s true",
		"sink healthy->unhealthy panicked: torn down",
		"overall healthy->unhealthy",
		"sink ran 1s true",
		"sink removed",
		"overall unhealthy->healthy",
		"overall healthy->shutting_down",
	}, d.lines)
}

func TestAnObserverMayCallTheRegistryAndPanic(t *testing.T) {
	var r *Registry
	var seen []Status
	synctest.Test(t, func(t *testing.T) {
		r = New(Observer{
			Added: func(Registration) CheckObserver { panic("observer") },
			Changed: func(c Change) {
				seen = append(seen, r.Report().Status)
				if c.To == Unhealthy {
					r.SetShuttingDown()
				}
				panic("observer")
			},
		})
		register(t, r, "sink", CheckFunc(func(context.Context) Result {
			time.Sleep(time.Millisecond)
			return Result{Status: Unhealthy}
		}))
		pass(time.Millisecond)
		require.NoError(t, r.Close(t.Context()))
	})
	assert.Equal(t, []Status{Unknown, Unhealthy, ShuttingDown}, seen)
}

func TestARegistrationFollowsItsCheckToTheEnd(t *testing.T) {
	assert.Equal(t, Unknown, Registration{}.Status())
	synctest.Test(t, func(t *testing.T) {
		var first Registration
		r := open(t, Observer{Added: func(registration Registration) CheckObserver {
			if first.Check == nil {
				first = registration
			}
			return CheckObserver{}
		}})
		unregister := register(t, r, "sink", &dial{result: Result{Status: Degraded}})
		synctest.Wait()
		assert.Equal(t, Degraded, first.Status())
		unregister()
		register(t, r, "sink", healthy())
		synctest.Wait()
		assert.Equal(t, Degraded, first.Status())
	})
}

func TestOnlySomeChangesAreForTheWorse(t *testing.T) {
	worse := map[[2]Status]bool{
		{Unknown, Degraded}: true, {Unknown, Unhealthy}: true,
		{Healthy, Degraded}: true, {Healthy, Unhealthy}: true, {Degraded, Unhealthy}: true,
	}
	all := []Status{Unknown, Healthy, Degraded, Unhealthy, ShuttingDown}
	for _, from := range all {
		for _, to := range all {
			assert.Equal(t, worse[[2]Status{from, to}], Change{From: from, To: to}.Worse(), "%s->%s", from, to)
		}
	}
}
