// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/process"
)

func TestCPUIsPercentOfOneCoreBetweenCollections(t *testing.T) {
	now, used := time.Unix(0, 0), time.Duration(0)
	m := newCPUMeter(process.Usage{}, now)
	for _, step := range []struct {
		wall, cpu time.Duration
		want      float64
	}{
		{time.Second, 500 * time.Millisecond, 50},
		{time.Second, 2 * time.Second, 200},
		{10 * time.Millisecond, 10 * time.Millisecond, 200}, // too soon: the value before
		{990 * time.Millisecond, 0, 1},
	} {
		now, used = now.Add(step.wall), used+step.cpu
		m.advance(process.Usage{CPUUser: used / 2, CPUSystem: used - used/2}, now)
		if got := m.percent(); got != step.want {
			t.Errorf("after %s with %s of CPU: %v%%, want %v%%", step.wall, step.cpu, got, step.want)
		}
	}
}

func TestProcessValuesExistHere(t *testing.T) {
	if runtimeValue(runtimeThreads)() < 1 || runtimeValue(runtimeHeap)() < 1 {
		t.Error("the Go runtime does not know its threads or heap under these names")
	}
}
