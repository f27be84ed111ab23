// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"errors"
	"testing"
	"time"
)

func TestADeadCollectorDoesNotFloodStderr(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var lines []string
	sink := newErrorSink((&stderrLines{now: func() time.Time { return now }, write: func(l string) { lines = append(lines, l) }}).handle)
	for range 31 { // one failure per second
		sink.report(errors.New("could not export metrics: refused"))
		now = now.Add(time.Second)
	}
	want := []string{
		"eventflux telemetry: could not export metrics: refused",
		"eventflux telemetry: could not export metrics: refused (29 more since 2026-01-01T00:00:00Z)",
	}
	if len(lines) != 2 || lines[0] != want[0] || lines[1] != want[1] {
		t.Errorf("lines = %q, want %q", lines, want)
	}
}

func TestAPanickingErrorHandlerIsSurvived(t *testing.T) {
	sink := newErrorSink(func(error) { panic("handler") })
	mark := sink.mark()
	sink.report(errors.New("cause"))
	if err := sink.since(mark); err == nil || err.Error() != "cause" {
		t.Errorf("since() = %v, want the cause", err)
	}
	(*errorSink)(nil).report(errors.New("cause"))
}
