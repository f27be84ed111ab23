// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// meter is what every window reports. The zero meter reports nothing. What
// happens per batch is counted in cells of the worker, what happens per result
// in shared counters.
type meter struct {
	added, expired, triggers *telemetry.Cell
	retained                 *telemetry.UpDownCounter
	late                     *telemetry.Counter
	took                     *telemetry.Histogram
	results                  *telemetry.SizeHistogram
}

func newMeter(h Handles) meter {
	return meter{
		added:    h.Worker.Cell(h.Window.EventsAdded()),
		expired:  h.Worker.Cell(h.Window.EventsExpired()),
		triggers: h.Worker.Cell(h.Window.Triggers()),
		retained: h.Window.EventsRetained(),
		late:     h.Window.EventsLate(semconv.LateActionDropped),
		took:     h.Window.TriggerDuration(),
		results:  h.Window.EmitSize(),
	}
}

// moved counts events that came in and events that went out.
func (m *meter) moved(in, out int) {
	m.added.Add(in)
	m.expired.Add(out)
	if in != out {
		m.retained.Add(in - out)
	}
}

// triggered counts windows that gave rows since start.
func (m *meter) triggered(windows, rows int, start time.Time) {
	m.triggers.Add(windows)
	m.took.Observe(time.Since(start))
	m.results.Observe(rows)
}
