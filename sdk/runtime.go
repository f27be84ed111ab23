// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"runtime/metrics"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// Names in the runtime/metrics package.
const (
	runtimeHeap    = "/memory/classes/heap/objects:bytes"
	runtimeThreads = "/sched/threads/total:threads"
)

// bindRuntime exports what the SDK knows about the process by itself.
func (s *SDK) bindRuntime() {
	s.runtime.release(s.registry.Func(eventfluxUptime, func() float64 { return time.Since(s.started).Seconds() }))
	s.runtime.release(s.registry.Func(eventfluxThreadsActive, runtimeValue(runtimeThreads)))
	heap := []attribute.KeyValue{keyComponent.String("heap")}
	s.runtime.release(s.registry.Func(eventfluxMemoryUsage, runtimeValue(runtimeHeap), heap...))
	s.runtime.release(s.registry.Func(eventfluxCPUUsage, newCPUMeter(processCPU, time.Now).percent))
	_, release := s.registry.Counter(queryActiveCount)
	s.runtime.release(release)
}

// runtimeValue returns a reader of one integer metric of the Go runtime.
func runtimeValue(name string) func() float64 {
	return func() float64 {
		sample := []metrics.Sample{{Name: name}}
		metrics.Read(sample)
		if sample[0].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return float64(sample[0].Value.Uint64())
	}
}

// minCPUWindow is the shortest time over which CPU usage is computed: below it, clock granularity dominates.
const minCPUWindow = 100 * time.Millisecond

// cpuMeter computes CPU usage between collections.
type cpuMeter struct {
	cpu func() (time.Duration, bool)
	now func() time.Time

	mu      sync.Mutex
	at      time.Time
	used    time.Duration
	current float64
}

func newCPUMeter(cpu func() (time.Duration, bool), now func() time.Time) *cpuMeter {
	used, _ := cpu()
	return &cpuMeter{cpu: cpu, now: now, at: now(), used: used}
}

// percent returns the CPU time since the previous call in percent of one core; with several cores it may pass
// 100. Calls that follow too closely get the previous value.
func (m *cpuMeter) percent() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	window := now.Sub(m.at)
	if window < minCPUWindow {
		return m.current
	}
	if used, ok := m.cpu(); ok {
		m.current = 100 * float64(used-m.used) / float64(window)
		m.at, m.used = now, used
	}
	return m.current
}
