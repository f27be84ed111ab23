// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import "time"

// calm is how long a better status must last before it is told. Bad news is told at
// once.
const calm = 5 * time.Second

// Damper tells a status to those who act on each change of it: what comes and goes
// is one trouble, not many. The zero value tells [Starting].
//
// Damper is not safe for concurrent use.
type Damper struct {
	told   Status
	better Status // that has lasted since
	since  time.Time
}

// Tell takes the status at now, and returns the one to tell.
func (d *Damper) Tell(s Status, now time.Time) Status {
	switch {
	case d.told == "":
		d.told = Starting
		return d.Tell(s, now)
	case !d.told.Worse(s):
		// As bad as before or worse; or one of the two says nothing of good and bad.
		d.told, d.better = s, ""
	case !s.judged():
		d.told, d.better = s, ""
	case d.better == "" || s.Worse(d.better):
		d.better, d.since = s, now
	case now.Sub(d.since) >= calm:
		d.told, d.better = d.better, ""
		return d.Tell(s, now)
	}
	return d.told
}

// judged says whether a status is about good and bad at all.
func (s Status) judged() bool {
	return s == Healthy || s == Degraded || s == Unhealthy
}
