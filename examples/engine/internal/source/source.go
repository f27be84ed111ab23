// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package source makes batches of events: readers of files and random walks, which somebody drives, and servers that
// senders connect to.
package source

import (
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Reader fills batches. It knows no clock and belongs to one goroutine.
type Reader interface {
	// Read appends up to n rows to b, fewer before an io.EOF. now is the event time of sources that have none.
	Read(b *event.Batch, n int, now int64) error
	// Skip passes over records that a former run has read.
	Skip(records int64) error
	// Progress says how far the reader is.
	Progress() Progress
}

// Progress is how far a Reader is.
type Progress struct {
	Position int64 // records behind it: read, skipped or rejected
	Rejected int64 // records that were no events
	Bytes    int64 // of input; 0 for a source without
}

// Meter counts what a source does. With a nil handle it reports nothing.
type Meter struct {
	handle                       *telemetry.Source
	events, messages, bytes, bad *telemetry.Counter
	reading, mapping, delivery   *telemetry.Histogram
	latest, newest               atomic.Int64 // when events came last, and their newest time; ns since 1970
}

// NewMeter binds h. mapper is the format that is decoded, empty if none is.
func NewMeter(h *telemetry.Source, mapper string) *Meter {
	m := &Meter{
		handle: h, events: h.EventsReceived(), messages: h.MessagesReceived(), bytes: h.IO(),
		reading: h.ReadDuration(), delivery: h.DeliveryDuration(),
	}
	if mapper != "" {
		m.bad, m.mapping = h.MappingErrors(mapper), h.MappingDuration(mapper)
	}
	m.latest.Store(time.Now().UnixNano())
	h.IdleTime().Func(func() float64 { return since(&m.latest) })
	return m
}

func since(at *atomic.Int64) float64 { return time.Since(time.Unix(0, at.Load())).Seconds() }

// Read counts what one read has given: messages, and those of them that were no events.
func (m *Meter) Read(messages, bad, bytes int, took time.Duration) {
	m.messages.Add(messages)
	m.bad.Add(bad)
	m.bytes.Add(bytes)
	m.reading.Observe(took)
}

// Took counts a batch that the stream has taken.
func (m *Meter) Took(b *event.Batch, now time.Time) {
	m.events.Add(b.Len())
	m.latest.Store(now.UnixNano())
	newest := m.newest.Load()
	first := newest == 0
	for i := range b.Len() {
		newest = max(newest, b.Row(i).Time())
	}
	if m.newest.Store(newest); first {
		m.handle.EventTimeLag().Func(func() float64 { return since(&m.newest) })
	}
}

// Connected says whether the source has its input: 1 or 0.
func (m *Meter) Connected(up float64) { m.handle.Connected().Set(up) }

// Failed counts an error while reading.
func (m *Meter) Failed(errorType string) { m.handle.Errors(errorType).Inc() }

func (m *Meter) answered(a semconv.AckResultValue, messages int) { m.handle.Acks(a).Add(messages) }
