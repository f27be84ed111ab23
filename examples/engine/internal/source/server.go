// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"cmp"
	"context"
	"errors"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
)

// Config describes a source that senders connect to. A number that is 0 has the default.
type Config struct {
	Schema *event.Schema
	Names  *event.Symbols
	// Take returns nil once m is safe. A sender that numbers its messages, from 1, gives its name and the number: a
	// message that was taken already is not taken again.
	Take   func(ctx context.Context, m junction.Message, sender string, seq uint64) error
	Handle *telemetry.Source // may be nil

	Path     string        // HTTP: where events are posted to
	Batch    int           // TCP: most lines per batch (64)
	MaxBytes int           // of a body (4 MiB) or a line (64 KiB)
	MaxOpen  int           // requests (64) or connections (256) at a time; more are refused
	Patience time.Duration // for a request or a line to arrive (1 minute)
}

const takeWithin = 10 * time.Second // a batch that the stream does not take by then is refused

// server is what both servers have in common.
type server struct {
	Config

	kind  string
	meter *Meter
	turns chan struct{} // holds a token per open request or connection
}

func newServer(c Config, kind string, maxBytes, maxOpen int) server {
	c.MaxBytes, c.MaxOpen = cmp.Or(c.MaxBytes, maxBytes), cmp.Or(c.MaxOpen, maxOpen)
	c.Batch, c.Patience = cmp.Or(c.Batch, 64), cmp.Or(c.Patience, time.Minute)
	return server{Config: c, kind: kind, meter: NewMeter(c.Handle, "json"), turns: make(chan struct{}, c.MaxOpen)}
}

var errBusy = errors.New("too many senders are served already; try again")

// enter takes the turn that leave gives back.
func (s *server) enter() error {
	select {
	case s.turns <- struct{}{}:
		return nil
	default:
		return errBusy
	}
}

func (s *server) leave() { <-s.turns }

func (s *server) refused(errorType string) {
	s.meter.answered(semconv.AckResultNack, 1)
	s.meter.Failed(errorType)
}

// decode adds the rows of data, which was read since start.
func (s *server) decode(b *event.Batch, data []byte, start time.Time) error {
	begun, bad := time.Now(), 0
	err := JSON{s.Schema, s.Names}.Append(b, data, begun.UnixNano())
	if err != nil {
		bad = 1
	}
	s.meter.mapping.Observe(time.Since(begun))
	s.meter.Read(1, bad, len(data), begun.Sub(start))
	return err
}

// deliver has b taken. It was read since start; origin carries the trace context of who sent it.
func (s *server) deliver(ctx, origin context.Context, b *event.Batch, start time.Time, sender string, seq uint64) error {
	ctx, cancel := context.WithTimeout(ctx, takeWithin)
	defer cancel()
	read := time.Now()
	m := junction.Message{Ctx: origin, Batch: b, Source: s.kind, ReadStart: start, ReadEnd: read}
	if err := s.Take(ctx, m, sender, seq); err != nil {
		return err
	}
	s.meter.delivery.Observe(time.Since(read))
	s.meter.Took(b, read)
	return nil
}
