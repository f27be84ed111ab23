// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"testing"
	"time"
)

func TestPaceKeepsItsRate(t *testing.T) {
	for _, rate := range []float64{1, 9, 1000, 250_000} {
		p := pace{rate: rate}
		begin := time.Unix(0, 0)
		now, total := begin, 0
		for now.Sub(begin) < 10*time.Second {
			due, wait := p.next(now, 64)
			total += due
			now = now.Add(wait)
		}
		if want := rate * 10; float64(total) < want*0.98-1 || float64(total) > want*1.02+64 {
			t.Errorf("rate %v: %d events in 10 s", rate, total)
		}
	}
}

func TestPaceDoesNotCatchUpForEver(t *testing.T) {
	p := pace{rate: 1000}
	p.next(time.Unix(0, 0), 64)
	total := 0
	for { // an hour of back-pressure is over
		due, _ := p.next(time.Unix(3600, 0), 64)
		if due == 0 {
			break
		}
		total += due
	}
	if total > 1200 {
		t.Errorf("%d events at once, want about one second's worth", total)
	}
}
