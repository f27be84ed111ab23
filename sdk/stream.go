// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// Stream is one stream (junction). Its counters are shared: any goroutine may count, at the price of one atomic
// addition per call, so count per batch. All methods are legal on a nil Stream.
type Stream struct {
	handle

	received     *cells.Counter
	sent         *cells.Counter
	backpressure *cells.Counter
	subscribers  *cells.Counter
	buffer       reading
	oldest       reading
}

// Stream binds the stream called name and begins to export its series, all of them from zero.
func (a *App) Stream(name string) *Stream {
	if a == nil {
		return nil
	}
	s, key := &Stream{}, semconv.StreamName(name)
	a.open(&s.handle, key)
	s.received = s.total(semconv.StreamEventsReceived, s.attrs)
	s.sent = s.total(semconv.StreamEventsSent, s.attrs)
	s.backpressure = s.total(semconv.StreamBackpressureEvents, s.attrs)
	s.subscribers = s.total(semconv.StreamSubscribersActive, s.attrs)
	s.buffer.bind(family(semconv.StreamBufferSize), key)
	s.oldest.bind(family(semconv.StreamOldestEventAge), key)
	s.own.release(s.buffer.close)
	s.own.release(s.oldest.close)
	return s
}

// Received counts n events that entered the stream, in stream.events.received{stream.name}.
func (s *Stream) Received(n int) {
	if s != nil {
		s.received.Add(int64(n))
	}
}

// Sent counts n events handed to subscribers, in stream.events.sent{stream.name}.
func (s *Stream) Sent(n int) {
	if s != nil {
		s.sent.Add(int64(n))
	}
}

// Backpressure counts n events that met a full buffer, in stream.backpressure.events{stream.name}.
func (s *Stream) Backpressure(n int) {
	if s != nil {
		s.backpressure.Add(int64(n))
	}
}

// Subscribers changes stream.subscribers.active{stream.name} by delta, which is negative when a subscriber
// leaves.
func (s *Stream) Subscribers(delta int) {
	if s != nil {
		s.subscribers.Add(int64(delta))
	}
}

// BufferFunc reports stream.buffer.size{stream.name}. f returns the bytes in the buffer; it is called at every
// collection on a goroutine of the SDK and should return at once. A second call replaces the first, nil takes it
// away.
func (s *Stream) BufferFunc(f func() int64) {
	if s != nil {
		s.buffer.set(s.sdk.registry, asFloat(f))
	}
}

// OldestFunc reports stream.oldest_event.age{stream.name}. f returns how long the oldest event has been waiting,
// zero if none waits; it is called like that of BufferFunc.
func (s *Stream) OldestFunc(f func() time.Duration) {
	if s == nil {
		return
	}
	if f == nil {
		s.oldest.set(s.sdk.registry, nil)
		return
	}
	s.oldest.set(s.sdk.registry, func() float64 { return f().Seconds() })
}

// Close ends the stream's series after one more export. Closing twice is fine.
func (s *Stream) Close() {
	if s != nil {
		s.own.close()
	}
}
