// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/process"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// Names in the runtime/metrics package.
const (
	runtimeHeap    = "/memory/classes/heap/objects:bytes"
	runtimeThreads = "/sched/threads/total:threads"
)

// bindRuntime exports what the SDK knows about the process by itself.
func (s *SDK) bindRuntime() {
	s.registry.OnCollect(s.collected.publish) // before the CPU time is shared out
	s.readFunc(semconv.Uptime, func() float64 { return time.Since(s.started).Seconds() })
	s.readFunc(semconv.ThreadsActive, runtimeValue(runtimeThreads))
	s.readFunc(semconv.MemoryUsage, runtimeValue(runtimeHeap), semconv.Component("heap"))
	_, release := s.registry.Counter(family(semconv.QueryActiveCount))
	s.runtime.release(release)
	s.bindProcess()
	s.bindSelf()
}

func (s *SDK) readFunc(m semconv.Metric, read func() float64, attrs ...attribute.KeyValue) {
	if s.measures(m) {
		s.runtime.release(s.registry.Func(family(m), read, attrs...))
	}
}

// bindProcess exports the process as the operating system sees it, read once per collection, and shares its CPU
// time out among the queries. What is not known on a platform is not exported.
func (s *SDK) bindProcess() {
	var now atomic.Pointer[process.Usage]
	first := process.Read()
	now.Store(&first)
	meter := newCPUMeter(first, time.Now())
	s.registry.OnCollect(func(at time.Time) {
		u := process.Read()
		now.Store(&u)
		meter.advance(u, at)
		if used, known := u.CPU(); known {
			s.cpu.Settle(used)
		}
	})
	bind := func(m semconv.Metric, read func(process.Usage) float64, attrs ...attribute.KeyValue) {
		if known := read(first) >= 0; known {
			s.readFunc(m, func() float64 { return read(*now.Load()) }, attrs...)
		}
	}
	bind(semconv.ProcessCPUTime, func(u process.Usage) float64 { return u.CPUUser.Seconds() }, semconv.CPUMode(semconv.CPUModeUser))
	bind(semconv.ProcessCPUTime, func(u process.Usage) float64 { return u.CPUSystem.Seconds() }, semconv.CPUMode(semconv.CPUModeSystem))
	bind(semconv.ProcessMemoryUsage, func(u process.Usage) float64 { return float64(u.Resident) })
	bind(semconv.ProcessMemoryVirtual, func(u process.Usage) float64 { return float64(u.Virtual) })
	bind(semconv.ProcessThreadCount, func(u process.Usage) float64 { return float64(u.Threads) })
	bind(semconv.ProcessUnixFileDescriptorCount, func(u process.Usage) float64 { return float64(u.Descriptors) })
	bind(semconv.ProcessFileDescriptorLimit, func(u process.Usage) float64 { return float64(u.DescriptorLimit) })
	s.readFunc(semconv.CPUUsage, meter.percent)
}

// runtimeValue returns a reader of one integer metric of the Go runtime.
func runtimeValue(name string) func() float64 {
	return func() float64 {
		sample := []metrics.Sample{{Name: name}}
		metrics.Read(sample)
		if sample[0].Value.Kind() != metrics.KindUint64 {
			return math.NaN()
		}
		return float64(sample[0].Value.Uint64())
	}
}

// minCPUWindow is the shortest time over which CPU usage is computed: below it, clock granularity dominates.
const minCPUWindow = 100 * time.Millisecond

// cpuMeter computes CPU usage between collections, in percent of one core: with several cores it may pass 100.
type cpuMeter struct {
	mu      sync.Mutex
	at      time.Time
	used    time.Duration
	current float64
}

func newCPUMeter(u process.Usage, now time.Time) *cpuMeter {
	used, _ := u.CPU()
	return &cpuMeter{at: now, used: used}
}

// advance takes a new reading. One that follows too closely changes nothing.
func (m *cpuMeter) advance(u process.Usage, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	used, known := u.CPU()
	window := now.Sub(m.at)
	if !known || window < minCPUWindow {
		return
	}
	m.current = 100 * float64(used-m.used) / float64(window)
	m.at, m.used = now, used
}

func (m *cpuMeter) percent() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current
}
