// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package source makes batches of events: readers of files and random walks, which somebody drives, and servers that
// senders connect to.
package source

import (
	"math"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

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
	events, messages, bytes, bad *telemetry.Counter
	reading, mapping, delivery   *telemetry.Histogram
	latest, newest               atomic.Int64 // when events came last, and their newest time; ns since 1970
}

// NewMeter binds h. mapper is the format that is decoded, empty if none is.
func NewMeter(h *telemetry.Source, mapper string) *Meter {
	m := &Meter{events: h.EventsReceived(), messages: h.MessagesReceived(), bytes: h.IO(), reading: h.ReadDuration(), delivery: h.DeliveryDuration()}
	if mapper != "" {
		m.bad, m.mapping = h.MappingErrors(mapper), h.MappingDuration(mapper)
	}
	m.latest.Store(time.Now().UnixNano())
	h.IdleTime().Func(func() float64 { return age(m.latest.Load()) })
	h.EventTimeLag().Func(func() float64 { return age(m.newest.Load()) })
	return m
}

// age is in seconds, and NaN, which is not exported, while nothing has a time.
func age(ns int64) float64 {
	if ns == 0 {
		return math.NaN()
	}
	return time.Since(time.Unix(0, ns)).Seconds()
}

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
	for i := range b.Len() {
		newest = max(newest, b.Row(i).Time())
	}
	m.newest.Store(newest)
}
