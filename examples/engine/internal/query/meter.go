// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
)

// meter is what a query says about its batches, beyond what the SDK counts by itself.
type meter struct {
	size  *telemetry.SizeHistogram
	whole *telemetry.Histogram // from the source to a sink
	idle  *telemetry.TimeCounter

	active atomic.Int64 // when the last batch was taken, in nanoseconds since 1970
	newest atomic.Int64 // event time, likewise
}

func (m *meter) bind(h *telemetry.Query) {
	m.size, m.whole, m.idle = h.BatchSize(), h.EndToEndLatency(), h.IdleTime()
	m.active.Store(time.Now().UnixNano())
	h.LastActivityAge().Func(func() float64 { return since(m.active.Load()) })
	h.EventTimeLag().Func(func() float64 {
		if at := m.newest.Load(); at != 0 {
			return since(at)
		}
		return 0
	})
}

func since(nanos int64) float64 { return time.Since(time.Unix(0, nanos)).Seconds() }

// took counts a batch before it is processed.
func (m *meter) took(msg junction.Message) {
	n := msg.Batch.Len()
	m.size.Observe(n)
	m.active.Store(msg.Taken.UnixNano())
	m.newest.Store(msg.Batch.Row(n - 1).Time())
}

// arrived observes how old events are that a sink has taken.
func (m *meter) arrived(o *outlet, born time.Time) {
	if born.IsZero() {
		return
	}
	age := time.Since(born)
	m.whole.Observe(age)
	o.whole.Observe(age)
}
