// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"testing"
	"time"
)

func TestDamper(t *testing.T) {
	var d Damper
	for i, step := range []struct {
		at      float64 // seconds
		s, want Status
	}{
		{0, Starting, Starting},
		{1, Healthy, Healthy}, // the end of the start is told at once
		{2, Degraded, Degraded},
		{3, Healthy, Degraded},
		{7.9, Healthy, Degraded},
		{8, Healthy, Healthy},
		{9, Unhealthy, Unhealthy},
		{10, Healthy, Unhealthy},
		{11, Degraded, Unhealthy}, // not as good as it looked: the time begins anew
		{15.9, Healthy, Unhealthy},
		{16, Healthy, Degraded}, // what has lasted
		{20.9, Healthy, Degraded},
		{21, Healthy, Healthy},
		{22, Degraded, Degraded},
		{23, Healthy, Degraded},
		{24, Degraded, Degraded}, // flaps
		{25, Healthy, Degraded},
		{26, ShuttingDown, ShuttingDown},
		{27, ShuttingDown, ShuttingDown},
	} {
		if got := d.Tell(step.s, now.Add(time.Duration(step.at*float64(time.Second)))); got != step.want {
			t.Fatalf("step %d, %s at %gs: %s, want %s", i, step.s, step.at, got, step.want)
		}
	}
}
