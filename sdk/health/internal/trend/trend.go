// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package trend averages a value over the last 1, 5 and 15 minutes, as the load average of an operating system
// does: exponentially, so that it needs no history. It has no clock.
//
// A sample v that comes dt after the one before moves the average a of a window T by
//
//	a += (1 - exp(-dt/T)) * (v - a)
//
// which holds for any dt, so samples need not come at regular intervals: one that stands for a long time weighs as
// much as many equal ones that stand for parts of it. The first sample is taken as it is.
package trend

import (
	"math"
	"time"
)

// Windows are the times to average over.
var Windows = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

// Averages holds one average per window.
type Averages [len(Windows)]float64

// Line is the trend of one value. The zero Line has seen no sample. It is not safe for concurrent use.
type Line struct {
	averages Averages
	last     time.Time
	seeded   bool
}

// Add takes the sample v, which stands for the time since the sample before. What is not a finite number is
// ignored; a sample from before the last one has no weight.
func (l *Line) Add(v float64, now time.Time) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	if !l.seeded {
		for i := range l.averages {
			l.averages[i] = v
		}
		l.last, l.seeded = now, true
		return
	}
	dt := now.Sub(l.last)
	if dt <= 0 {
		return
	}
	for i, window := range Windows {
		weight := -math.Expm1(-dt.Seconds() / window.Seconds())
		l.averages[i] += weight * (v - l.averages[i])
	}
	l.last = now
}

// Averages returns the average per window, or unseen in all of them before the first sample.
func (l *Line) Averages(unseen float64) Averages {
	if l.seeded {
		return l.averages
	}
	var a Averages
	for i := range a {
		a[i] = unseen
	}
	return a
}
