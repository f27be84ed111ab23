// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package outbound

import "time"

// What it takes to believe that something is wrong with a destination, and that it is well
// again. A single error among many answers is neither.
const (
	// Nothing but failures must have come for outageAfter if there were outageFailures, and
	// for outageAlone if there were fewer, which is when a retry should have helped.
	outageFailures = 4
	outageAfter    = time.Second
	outageAlone    = 20 * time.Second
	// unansweredAfter is how long attempts must have been under way without any coming back.
	unansweredAfter = 5 * time.Second
	// Of so many attempts, or more, this share must have failed. The share is that of about
	// the last shareWindow attempts.
	shareAttempts = 10
	shareWindow   = 32
	shareFailed   = 0.25

	// A destination is well again after calm without a failure and calmAttempts that
	// succeeded one after the other, or after longCalm if fewer came.
	calm         = 10 * time.Second
	calmAttempts = 16
	longCalm     = time.Minute
)

// destination is what is known of one.
type destination struct {
	used time.Time // when the last attempt began or ended

	inFlight     int
	waitingSince time.Time // since when none of those in flight has come back

	failingSince time.Time // of the first failure after a success; zero after a success
	lastFailure  time.Time
	reason       string
	failures     int     // in a row
	successes    int     // in a row
	attempts     int     // that ended since the destination was well, for the share
	share        float64 // of failures

	wrong  Kind // None: well
	since  time.Time
	waited time.Time // when it was last seen to be unanswered
}

func (d *destination) begin(now time.Time) {
	d.used = now
	if d.inFlight++; d.inFlight == 1 {
		d.waitingSince = now
	}
}

func (d *destination) end(now time.Time) {
	d.used, d.waitingSince = now, now
	d.inFlight--
}

func (d *destination) succeeded() {
	d.failingSince, d.failures = time.Time{}, 0
	d.successes++
	d.count(0)
}

func (d *destination) failed(reason string, now time.Time) {
	if d.failingSince.IsZero() {
		d.failingSince = now
	}
	d.lastFailure, d.reason = now, reason
	d.failures++
	d.successes = 0
	d.count(1)
}

// count takes one more attempt into the share.
func (d *destination) count(failure float64) {
	d.attempts++
	d.share += (failure - d.share) / float64(min(d.attempts, shareWindow))
}

// judge brings the verdict up to date. That attempts failed often is a thing of the past once
// it is calm.
func (d *destination) judge(now time.Time) {
	seen, since := d.look(now)
	if d.wrong != None && (seen == None || seen == OftenFailing) && d.calm(now) {
		d.wrong, d.attempts, d.share = None, 0, 0
		return
	}
	if seen == None {
		return
	}
	if d.wrong == None {
		d.since = since
	}
	if d.wrong = seen; seen == Unanswered {
		d.waited = now
	}
}

// look says what is wrong at this moment, and since when.
func (d *destination) look(now time.Time) (Kind, time.Time) {
	switch failing := now.Sub(d.failingSince); {
	case d.failures >= outageFailures && failing >= outageAfter, d.failures > 0 && failing >= outageAlone:
		return Failing, d.failingSince
	case d.inFlight > 0 && now.Sub(d.waitingSince) >= unansweredAfter:
		return Unanswered, d.waitingSince
	case d.attempts >= shareAttempts && d.share >= shareFailed:
		return OftenFailing, now
	default:
		return None, time.Time{}
	}
}

// calm reports whether it has been well for long enough to believe it.
func (d *destination) calm(now time.Time) bool {
	if d.successes == 0 {
		return false
	}
	last := d.lastFailure
	if d.waited.After(last) {
		last = d.waited
	}
	quiet := now.Sub(last)
	return quiet >= calm && d.successes >= calmAttempts || quiet >= longCalm
}
