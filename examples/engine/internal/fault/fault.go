// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package fault makes things go wrong on purpose, so that alerts and dashboards can be tried out.
package fault

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Kind is one thing that can go wrong.
type Kind int

// The kinds. A fault's value says how badly: the first four have a duration, the others a whole number from 1 on.
const (
	SlowSink        Kind = iota // each delivery takes so much longer
	FullBuffer                  // each batch takes a query so much longer
	StuckCheckpoint             // each checkpoint takes so much longer
	ClockStep                   // the clock is off by so much, which may be below zero
	FailingQuery                // one row of so many fails
	LostPeer                    // one attempt of so many to reach the other node fails
	Burst                       // sources give so many times their events
	MemoryGrowth                // so many MiB are taken
	LabelExplosion              // a label has so many values
)

// defaults are the kinds by name, each with the value it has if none is given.
var defaults = []string{
	"slow_sink=200ms", "full_buffer=5ms", "stuck_checkpoint=24h", "clock_step=5m",
	"failing_query=2", "lost_peer=1", "burst=10", "memory_growth=256", "label_explosion=10000",
}

// String is the kind's name.
func (k Kind) String() string { return defaults[k][:strings.IndexByte(defaults[k], '=')] }

// MarshalText implements encoding.TextMarshaler.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Fault is something that goes wrong. It is started once.
type Fault struct {
	Kind  Kind
	Value string
	After time.Duration // from Set.Start to the beginning
	For   time.Duration // from there to the end; 0: until Set.Stop

	amount time.Duration // what Value says; a number in nanoseconds
	count  atomic.Int64
	ended  chan struct{}
}

var form = regexp.MustCompile(`^(\w+)(?:=(.+?))?(?:@(\d[\w.]*))?(?:\+(\d[\w.]*))?$`)

// Parse reads kind=value@start+duration, of which all but the kind may be missing: slow_sink=200ms@10s+30s makes sinks
// slow after ten seconds, for thirty.
func Parse(text string) (*Fault, error) {
	m := append(form.FindStringSubmatch(text), "", "")
	k := slices.IndexFunc(defaults, func(s string) bool { return strings.HasPrefix(s, m[1]+"=") })
	if k < 0 {
		return nil, fmt.Errorf("could not read fault %q: want kind=value@start+duration, as in %s", text, strings.Join(defaults, ", "))
	}
	f := &Fault{Kind: Kind(k), Value: cmp.Or(m[2], defaults[k][len(m[1])+1:]), ended: make(chan struct{})}
	unit := map[bool]string{true: "ns"}[f.Kind > ClockStep] // so that a number reads like a duration
	var errs [3]error
	f.amount, errs[0] = time.ParseDuration(f.Value + unit)
	f.After, errs[1] = time.ParseDuration(cmp.Or(m[3], "0"))
	f.For, errs[2] = time.ParseDuration(cmp.Or(m[4], "0"))
	if errs != [3]error{} || f.amount < 1 && f.Kind != ClockStep {
		return nil, fmt.Errorf("could not read fault %q: want something like %s@10s+30s", text, defaults[k])
	}
	return f, nil
}

// Set holds what goes wrong at the moment. Any goroutine may use it; to ask costs an atomic load. In a nil Set nothing
// goes wrong.
type Set struct {
	Logger *slog.Logger // is told when a fault begins or ends
	on     [LabelExplosion + 1]atomic.Pointer[Fault]
	hoard  [][]byte // of Grow
}

// Start has f go wrong, now or later, and ends what is then on of its kind. It does not wait.
func (s *Set) Start(f *Fault) {
	if after := f.After; after > 0 {
		f.After = 0
		time.AfterFunc(after, func() { s.Start(f) })
		return
	}
	s.finish(s.on[f.Kind].Swap(f))
	s.Logger.Warn("fault begins", "fault", f.Kind.String(), "value", f.Value, "for", f.For.String())
	if f.For > 0 {
		time.AfterFunc(f.For, func() {
			if s.on[f.Kind].CompareAndSwap(f, nil) {
				s.finish(f)
			}
		})
	}
}

// Stop ends what is on of kind k, if anything. What is to begin later still does.
func (s *Set) Stop(k Kind) { s.finish(s.on[k].Swap(nil)) }

func (s *Set) finish(f *Fault) {
	if f != nil {
		close(f.ended)
		s.Logger.Warn("fault ends", "fault", f.Kind.String())
	}
}

// List returns what is on.
func (s *Set) List() (on []*Fault) {
	for k := range s.on {
		if f := s.on[k].Load(); f != nil {
			on = append(on, f)
		}
	}
	return on
}

func (s *Set) get(k Kind) *Fault {
	if s == nil {
		return nil
	}
	return s.on[k].Load()
}

// Hold takes as long as SlowSink, FullBuffer or StuckCheckpoint says, or until that or ctx ends.
func (s *Set) Hold(ctx context.Context, k Kind) {
	if f := s.get(k); f != nil {
		select {
		case <-time.After(f.amount):
		case <-f.ended:
		case <-ctx.Done():
		}
	}
}

// Fail returns an error as often as FailingQuery or LostPeer says.
func (s *Set) Fail(k Kind) error {
	if f := s.get(k); f != nil && f.count.Add(1)%int64(f.amount) == 0 {
		return fmt.Errorf("fault %s=%s is on", k, f.Value)
	}
	return nil
}

// Rate is what Burst makes of a source's rate.
func (s *Set) Rate(rate float64) float64 { return rate * float64(s.amount(Burst, 1)) }

// Clock is what ClockStep makes of now.
func (s *Set) Clock(now time.Time) time.Time { return now.Add(s.amount(ClockStep, 0)) }

func (s *Set) amount(k Kind, otherwise time.Duration) time.Duration {
	if f := s.get(k); f != nil {
		return f.amount
	}
	return otherwise
}

// Grow takes one MiB more, until MemoryGrowth has its own, and frees all when that has ended. It is for one goroutine
// that calls it again and again.
func (s *Set) Grow() {
	f := s.get(MemoryGrowth)
	if f != nil && len(s.hoard) < int(f.amount) {
		s.hoard = append(s.hoard, bytes.Repeat([]byte{1}, 1<<20))
	} else if f == nil && s != nil && s.hoard != nil {
		s.hoard = nil
		debug.FreeOSMemory()
	}
}

// Label is the next value of a label, until LabelExplosion had so many; then they come again.
func (s *Set) Label() (value string, ok bool) {
	if f := s.get(LabelExplosion); f != nil {
		return fmt.Sprint("exploded-", f.count.Add(1)%int64(f.amount)), true
	}
	return "", false
}
