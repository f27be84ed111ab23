// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// drained tells after how long, counted from the wish to stop, the input ended
// and the work was given up; 0 is never. work is how long the work takes after
// the end of the input, hurry when the second signal comes.
func drained(t *testing.T, o Options, work, hurry time.Duration) (input, gaveUp time.Duration) {
	t.Helper()
	hurried := make(chan struct{})
	o.Hurry = hurried
	after(hurry, func() { close(hurried) })
	asked, ask := context.WithCancel(context.Background())
	working, giveUp := context.WithCancelCause(context.Background())
	defer giveUp(nil)
	n := &Node{opts: o, sdk: telemetry.Noop(), logger: telemetry.Noop().Logger()}
	stop, release := n.drain(asked, giveUp)
	start := time.Now()
	ask()
	<-stop.Done()
	input = time.Since(start)
	select {
	case <-time.After(work):
	case <-working.Done():
		gaveUp = time.Since(start)
		if cause := context.Cause(working); !strings.Contains(cause.Error(), "0 events were left behind") {
			t.Errorf("the reason is %v", cause)
		}
	}
	release()
	return input, gaveUp
}

func TestTheEndOfANode(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name                       string
		period, drain, work, hurry time.Duration
		wantInput, wantGaveUp      time.Duration
	}{
		{name: "the input goes on for the period", period: 5 * s, drain: 10 * s, work: s, wantInput: 5 * s},
		{name: "without a period it ends at once", drain: 10 * s, work: s},
		{name: "work that takes too long is given up", period: 5 * s, drain: 10 * s, work: 60 * s, wantInput: 5 * s, wantGaveUp: 15 * s},
		{name: "a second signal ends the period", period: 5 * s, drain: 10 * s, work: s / 2, hurry: 2 * s, wantInput: 2 * s},
		{name: "and leaves a second for the work", period: 5 * s, drain: 10 * s, work: 60 * s, hurry: 2 * s, wantInput: 2 * s, wantGaveUp: 3 * s},
		{name: "after the period too", period: 5 * s, drain: 10 * s, work: 60 * s, hurry: 7 * s, wantInput: 5 * s, wantGaveUp: 8 * s},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := DefaultOptions()
				o.DrainPeriod, o.Drain = tt.period, tt.drain
				input, gaveUp := drained(t, o, tt.work, tt.hurry)
				if input != tt.wantInput || gaveUp != tt.wantGaveUp {
					t.Errorf("input ended after %s, want %s; given up after %s, want %s", input, tt.wantInput, gaveUp, tt.wantGaveUp)
				}
			})
		})
	}
}

func TestANodeWaitsForItsPeersBeforeItStopsListening(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name                     string
		period, drain            time.Duration
		gone, hurry, abort, want time.Duration // 0: never
	}{
		{name: "until they have gone", period: 5 * s, drain: 10 * s, gone: 2 * s, want: 2 * s},
		{name: "as long as the drain period was", period: 3 * s, drain: 10 * s, want: 3 * s},
		{name: "and half of the time for the work is kept", period: 60 * s, drain: 10 * s, want: 5 * s},
		{name: "but not at all without a drain period", drain: 10 * s},
		{name: "and half a second at most in a hurry", period: 60 * s, drain: 10 * s, hurry: s, want: s + s/2},
		{name: "which is enough for peers in a hurry", period: 60 * s, drain: 10 * s, hurry: s, gone: s + s/4, want: s + s/4},
		{name: "not longer than the work goes on", period: 5 * s, drain: 10 * s, abort: s, want: s},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := DefaultOptions()
				o.DrainPeriod, o.Drain = tt.period, tt.drain
				hurried := make(chan struct{})
				o.Hurry = hurried
				run, abort := context.WithCancel(context.Background())
				defer abort()
				after(tt.hurry, func() { close(hurried) })
				after(tt.abort, abort)
				start := time.Now()
				(&Node{opts: o}).awaitPeers(run, func() int64 {
					if tt.gone > 0 && time.Since(start) >= tt.gone {
						return 0
					}
					return 1
				})
				if got := time.Since(start); got != tt.want {
					t.Errorf("waited %s, want %s", got, tt.want)
				}
			})
		})
	}
}

// after calls f in d, unless that is 0.
func after(d time.Duration, f func()) {
	if d > 0 {
		time.AfterFunc(d, f)
	}
}
