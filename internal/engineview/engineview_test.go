// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engineview

import "testing"

func TestHealthIsReadAsItIsSpelled(t *testing.T) {
	for _, h := range []Health{HealthUnknown, HealthOK, HealthDegraded, HealthUnhealthy} {
		if got := ParseHealth(h.String()); got != h {
			t.Errorf("ParseHealth(%q) = %d, want %d", h, got, h)
		}
	}
	if got := ParseHealth("shutting_down"); got != HealthUnknown {
		t.Errorf("ParseHealth(shutting_down) = %s", got)
	}
}
