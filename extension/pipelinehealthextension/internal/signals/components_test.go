// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func TestComponentsKeepTheFirstTimeOfATrouble(t *testing.T) {
	var c Components
	steps := []struct {
		name     string
		severity Severity
		at       time.Duration
		changed  bool
		since    time.Duration
		want     Severity
	}{
		{"starts", Fine, 0, false, 0, Fine},
		{"first error", Recoverable, 10 * time.Second, true, 10 * time.Second, Recoverable},
		{"same error again does not move the time", Recoverable, 70 * time.Second, false, 10 * time.Second, Recoverable},
		{"gets worse", Permanent, 80 * time.Second, true, 10 * time.Second, Permanent},
		{"stops", Fine, 90 * time.Second, true, 0, Fine},
		{"a new error is a new trouble", Recoverable, 95 * time.Second, true, 95 * time.Second, Recoverable},
	}
	for _, tt := range steps {
		t.Run(tt.name, func(t *testing.T) {
			if got := c.Observe("exporter otlp", []string{"logs"}, tt.severity, "refused", t0.Add(tt.at)); got != tt.changed {
				t.Errorf("Observe() = %v, want %v", got, tt.changed)
			}
			got := c.Troubles()
			if tt.want == Fine {
				if len(got) != 0 {
					t.Errorf("Troubles() = %+v, want none", got)
				}
				return
			}
			want := Trouble{Component: "exporter otlp", Pipelines: []string{"logs"}, Severity: tt.want, Since: t0.Add(tt.since), Err: "refused"}
			if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
				t.Errorf("Troubles() = %+v, want %+v", got, want)
			}
		})
	}
}

func TestTroublesComeOldestFirst(t *testing.T) {
	var c Components
	c.Observe("young", nil, Permanent, "", t0.Add(time.Second))
	c.Observe("b", nil, Recoverable, "", t0)
	c.Observe("a", nil, Recoverable, "", t0)
	var names []string
	for _, trouble := range c.Troubles() {
		names = append(names, trouble.Component)
	}
	if got := strings.Join(names, " "); got != "a b young" {
		t.Errorf("order is %q", got)
	}
}

func TestComponentsAreBounded(t *testing.T) {
	var c Components
	for i := range 2 * maxTroubles {
		c.Observe(fmt.Sprint(i), nil, Recoverable, strings.Repeat("é", maxErrBytes), t0)
	}
	troubles := c.Troubles()
	if len(troubles) != maxTroubles {
		t.Errorf("%d troubles kept, want %d", len(troubles), maxTroubles)
	}
	if err := troubles[0].Err; len(err) > maxErrBytes+3 || !utf8.ValidString(err) || !strings.HasSuffix(err, "...") {
		t.Errorf("error of %d bytes kept: %q", len(err), err)
	}
	// Known ones still change.
	if !c.Observe(troubles[0].Component, nil, Permanent, "", t0) {
		t.Error("a known component cannot get worse in a full table")
	}
}

func TestComponentsConcurrentSafe(t *testing.T) {
	var c Components
	done := make(chan struct{})
	for g := range 4 {
		go func() {
			for i := range 500 {
				c.Observe(fmt.Sprint(g), nil, Severity(i%3), "", t0)
				c.Troubles()
			}
			done <- struct{}{}
		}()
	}
	for range 4 {
		<-done
	}
}
