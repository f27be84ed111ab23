// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// meter is what every window reports. What happens per batch is counted in cells of the worker, what happens per result
// or seldom in shared counters. The zero meter reports nothing.
type meter struct {
	added, expired, passed, triggers, computed *telemetry.Cell
	accepted, dropped, refused                 *telemetry.Counter
	took, delay, lateness                      *telemetry.Histogram
	results                                    *telemetry.SizeHistogram
	retained, active, sessions, distinct       level
	oldest                                     atomic.Int64 // event time; MaxInt64: no event is held
}

func (m *meter) bind(h Handles) {
	m.added, m.expired = h.Worker.Cell(h.Window.EventsAdded()), h.Worker.Cell(h.Window.EventsExpired())
	m.passed, m.triggers = h.Worker.Cell(h.Query.EventsExpired()), h.Worker.Cell(h.Window.Triggers())
	m.computed = h.Worker.Cell(h.Operator.AggregatorComputations())
	m.accepted, m.dropped = h.Window.EventsLate(semconv.LateActionAccepted), h.Window.EventsLate(semconv.LateActionDropped)
	m.refused = h.Operator.Errors(ErrorGroupLimit)
	m.took, m.delay, m.lateness = h.Window.TriggerDuration(), h.Window.TriggerDelay(), h.Window.Lateness()
	m.results = h.Window.EmitSize()
	m.retained.bind(h.Window.EventsRetained())
	m.active.bind(h.Operator.SelectorGroupsActive())
}

// moved counts events that came in and events that went out.
func (m *meter) moved(in, out int) {
	m.added.Add(in)
	m.expired.Add(out)
	m.passed.Add(out)
	m.retained.set(m.retained.is + in - out)
}

// triggered counts windows that gave rows since start.
func (m *meter) triggered(windows, rows int, start time.Time) {
	m.triggers.Add(windows)
	m.took.Observe(time.Since(start))
	m.results.Observe(rows)
}

// Oldest implements Windowed.
func (m *meter) Oldest() int64 { return m.oldest.Load() }

// level is an up-down counter that follows a number.
type level struct {
	counter *telemetry.UpDownCounter
	is      int
}

func (l *level) bind(c *telemetry.UpDownCounter) {
	l.counter = c
	c.Add(l.is)
}

func (l *level) set(n int) {
	if n != l.is {
		l.counter.Add(n - l.is)
		l.is = n
	}
}
