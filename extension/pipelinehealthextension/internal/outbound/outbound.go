// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package outbound is the evidence of what a collector's exporters meet outside: attempts to
// send in, what is wrong with a destination out.
//
// An exporter's own counters tell of a failure when it gives up, which is after five minutes
// by default. Here every single attempt counts, so an outage is seen after a second, and what
// comes and goes is one trouble and not many. Callers pass the time.
package outbound

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxDestinations are known at a time. The one that was used least recently goes first.
	maxDestinations = 256
	// forgetAfter is how long a destination is remembered that nobody tries any more. Retries
	// are half a minute apart by default.
	forgetAfter = 5 * time.Minute
)

// Kind is what is wrong with a destination.
type Kind uint8

const (
	// None means that nothing is.
	None Kind = iota
	// Failing means that all attempts fail.
	Failing
	// Unanswered means that attempts do not come back.
	Unanswered
	// OftenFailing means that at least every fourth attempt fails.
	OftenFailing
)

// Trouble is a destination with which something is wrong.
type Trouble struct {
	// Address is where attempts go, as Begin was told.
	Address string
	// Exporters are the IDs of those that send there, if known.
	Exporters []string
	Kind      Kind
	// Since is when it began.
	Since time.Time
	// Reason is the last failure, fit for everybody to see; empty if there was none.
	Reason string
	// Used is when an attempt last began or ended.
	Used time.Time
}

// Destinations are the addresses that attempts went to. The zero value knows none. It is
// safe for concurrent use; an attempt costs two short locks and no allocation.
type Destinations struct {
	mu sync.Mutex
	to map[string]*destination
}

// Attempt is one that began.
type Attempt struct{ to *destination }

// Begin notes that an attempt to reach an address begins. It must come to an end.
func (d *Destinations) Begin(address string, now time.Time) Attempt {
	d.mu.Lock()
	defer d.mu.Unlock()
	to, known := d.to[address]
	if !known {
		to = d.add(address)
	}
	to.begin(now)
	return Attempt{to}
}

func (d *Destinations) add(address string) *destination {
	if d.to == nil {
		d.to = map[string]*destination{}
	}
	if len(d.to) >= maxDestinations {
		oldest := ""
		for address, to := range d.to {
			if oldest == "" || to.used.Before(d.to[oldest].used) {
				oldest = address
			}
		}
		delete(d.to, oldest)
	}
	to := &destination{}
	d.to[address] = to
	return to
}

// Succeeded notes that an attempt was answered well.
func (d *Destinations) Succeeded(a Attempt, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a.to.end(now)
	a.to.succeeded()
	a.to.judge(now)
}

// Failed notes that an attempt failed. The reason is shown to everybody.
func (d *Destinations) Failed(a Attempt, reason string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a.to.end(now)
	a.to.failed(reason, now)
	a.to.judge(now)
}

// Abandoned notes that an attempt was given up for reasons of this side.
func (d *Destinations) Abandoned(a Attempt, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a.to.end(now)
}

// Addresses returns the addresses that are known, in order.
func (d *Destinations) Addresses() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.to))
}

// Troubles returns what is wrong, the oldest first, and how many destinations are known. It
// forgets those that nobody tries any more.
func (d *Destinations) Troubles(now time.Time) (troubles []Trouble, known int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for address, to := range d.to {
		if to.inFlight == 0 && now.Sub(to.used) >= forgetAfter {
			delete(d.to, address)
			continue
		}
		if to.judge(now); to.wrong != None {
			troubles = append(troubles, Trouble{Address: address, Kind: to.wrong, Since: to.since, Reason: to.reason, Used: to.used})
		}
	}
	slices.SortFunc(troubles, func(a, b Trouble) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Address, b.Address))
	})
	return troubles, len(d.to)
}
