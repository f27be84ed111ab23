// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package watchdog notices loops that stopped turning. Its time is that in which
// the process was awake: after a machine was suspended, or the process stopped, no
// loop is late because of it. Callers pass the time.
package watchdog

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/heartbeat"
)

const (
	// A loop may miss many turns, and be late by a minute, before it counts as
	// hung: a process that is short of CPU is not dead, and a restart makes it
	// shorter still.
	missed = 10
	late   = time.Minute
	// longestLook is the most that counts between two looks, which should be a
	// second apart. If it was longer, the process slept.
	longestLook = 2 * time.Second
)

// Dog watches loops. The zero value has none. It is safe for concurrent use.
type Dog struct {
	awake atomic.Int64 // nanoseconds so far

	mu    sync.Mutex
	last  time.Time
	loops []*loop
}

type loop struct {
	dog     *Dog
	name    string
	patient time.Duration
	turned  atomic.Int64 // awake time of the last turn
	away    atomic.Bool
}

var _ heartbeat.Loop = (*loop)(nil)

// Turn implements [heartbeat.Loop].
func (l *loop) Turn() {
	l.turned.Store(l.dog.awake.Load())
	l.away.Store(false)
}

// Away implements [heartbeat.Loop].
func (l *loop) Away() { l.away.Store(true) }

// Watch adds a loop that turns at least once in every, and has turned now. Removing
// it twice does nothing.
func (d *Dog) Watch(name string, every time.Duration) (watched heartbeat.Loop, remove func()) {
	l := &loop{dog: d, name: name, patient: max(late, missed*every)}
	l.Turn()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loops = append(d.loops, l)
	return l, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.loops = slices.DeleteFunc(d.loops, func(other *loop) bool { return other == l })
	}
}

// Look returns the names of the loops that hang, in order. It must be called about
// once a second, by a loop that does nothing else.
func (d *Dog) Look(now time.Time) (hung []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.last.IsZero() {
		d.awake.Add(int64(min(max(0, now.Sub(d.last)), longestLook)))
	}
	d.last = now
	for _, l := range d.loops {
		if !l.away.Load() && time.Duration(d.awake.Load()-l.turned.Load()) > l.patient {
			hung = append(hung, l.name)
		}
	}
	slices.SortFunc(hung, strings.Compare)
	return hung
}
