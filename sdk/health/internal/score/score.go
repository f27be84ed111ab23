// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package score judges how well a pipeline keeps up, from 0 (not at all) to 1 (nothing to complain of). It has no
// clock and no state: two readings in, one verdict out.
//
// The score is the product of four parts, each between 0 and 1. A product has no average to hide in: one part
// below 0.5 pulls the whole below 0.5, whatever the others say.
//
//	part     1 up to          0.5 at        0 from
//	queue    60% full         80%           100%
//	drops    none             5% of events  10%
//	errors   none             10% of events 20%
//	latency  the target       twice it      never: target / latency
//
// The first three fall in a straight line.
package score

import (
	"fmt"
	"time"
)

// The ends of the straight lines.
const (
	queueFree   = 0.6 // a queue exists to be used: up to here it does its work
	queueFull   = 1.0
	dropsLimit  = 0.1
	errorsLimit = 0.2
)

// Reading is a pipeline at one moment. Counts are cumulative.
type Reading struct {
	Events        uint64 // that arrived, dropped ones included
	Dropped       uint64
	Errors        uint64
	QueueDepth    int64
	QueueCapacity int64         // 0: there is no queue to judge
	Latency       time.Duration // of the recent past, a high quantile or the mean
	LatencyTarget time.Duration // 0: latency is not judged
}

// Seen reports whether anything has ever happened in the pipeline.
func (r Reading) Seen() bool {
	return r.Events > 0 || r.Dropped > 0 || r.Errors > 0
}

// Load is what the score is made of, as shares. The zero Load is that of an idle pipeline.
type Load struct {
	Fill    float64 // of the queue, 0 to 1
	Drops   float64 // of the events, 0 to 1
	Errors  float64 // per event, 0 to 1
	Latency float64 // in multiples of the target
}

// Between returns the load of the time from before to now. A pipeline that has never seen an event has none. A
// count that went down began again at zero.
func Between(before, now Reading) Load {
	if !now.Seen() {
		return Load{}
	}
	events := Grown(before.Events, now.Events)
	return Load{
		Fill:    share(now.QueueDepth, now.QueueCapacity, 1),
		Drops:   ratio(Grown(before.Dropped, now.Dropped), events),
		Errors:  ratio(Grown(before.Errors, now.Errors), events),
		Latency: share(int64(now.Latency), int64(now.LatencyTarget), 0),
	}
}

// Grown returns by how much a cumulative count grew.
func Grown(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// ratio returns part of whole, at most 1. Something of nothing is all of it.
func ratio(part, whole uint64) float64 {
	if part == 0 {
		return 0
	}
	return float64(part) / float64(max(part, whole))
}

// share returns part of whole, at most limit unless that is 0, and 0 where there is no whole to judge by.
func share(part, whole int64, limit float64) float64 {
	if part <= 0 || whole <= 0 {
		return 0
	}
	s := float64(part) / float64(whole)
	if limit > 0 {
		return min(s, limit)
	}
	return s
}

// Score returns the product of the parts.
func (l Load) Score() float64 {
	return l.queue() * l.drops() * l.errors() * l.latency()
}

// Worst says in words what lowers the score most. It is empty if nothing does.
func (l Load) Worst() string {
	worst, text := 1.0, ""
	for _, p := range []struct {
		value float64
		text  string
	}{
		{l.queue(), fmt.Sprintf("the queue is %.0f%% full", 100*l.Fill)},
		{l.drops(), fmt.Sprintf("%.1f%% of the events were dropped", 100*l.Drops)},
		{l.errors(), fmt.Sprintf("%.1f%% of the events failed", 100*l.Errors)},
		{l.latency(), fmt.Sprintf("latency is %.1f times its target", l.Latency)},
	} {
		if p.value < worst {
			worst, text = p.value, p.text
		}
	}
	return text
}

func (l Load) queue() float64  { return falling(l.Fill, queueFree, queueFull) }
func (l Load) drops() float64  { return falling(l.Drops, 0, dropsLimit) }
func (l Load) errors() float64 { return falling(l.Errors, 0, errorsLimit) }

func (l Load) latency() float64 {
	if l.Latency <= 1 {
		return 1
	}
	return 1 / l.Latency
}

// falling is 1 up to from, 0 from to on, and a straight line between.
func falling(x, from, to float64) float64 {
	return min(1, max(0, (to-x)/(to-from)))
}
