// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package feed drives a source: it decides when events are read, and puts them
// into a stream.
package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/source"
)

// Config describes a pump.
type Config struct {
	Reader   source.Reader
	Kind     string // "generator" or "csv", as it appears in traces
	Into     *junction.Junction
	Batch    int           // most events per batch
	Rate     float64       // events per second; 0: as fast as the stream takes them
	Limit    int64         // stop after so many events; 0: no limit
	Duration time.Duration // stop after so long; 0: no limit

	Handle *telemetry.Source // counts what is read; may be nil
}

// Pump reads a source until it ends.
type Pump struct {
	Config

	read   atomic.Int64
	latest atomic.Int64 // when events were read last, in nanoseconds since 1970
	events *telemetry.Counter
}

// New returns a pump that has not started.
func New(cfg Config) *Pump {
	p := &Pump{Config: cfg, events: cfg.Handle.EventsReceived()}
	p.latest.Store(time.Now().UnixNano())
	cfg.Handle.IdleTime().Func(func() float64 { return time.Since(time.Unix(0, p.latest.Load())).Seconds() })
	return p
}

// Read is the number of events read so far. Any goroutine may call it.
func (p *Pump) Read() int64 { return p.read.Load() }

// Run moves events until the source ends, a limit is reached or stop ends.
// Then it sends the end of the input and closes the stream. run bounds how
// long it waits for room in the stream.
func (p *Pump) Run(run, stop context.Context) error {
	defer p.Into.Close()
	connected := p.Handle.Connected()
	connected.Set(1)
	defer connected.Set(0)
	if p.Duration > 0 {
		var cancel context.CancelFunc
		stop, cancel = context.WithTimeout(stop, p.Duration)
		defer cancel()
	}
	if err := p.move(run, stop); err != nil {
		return err
	}
	_, err := p.Into.Publish(run, junction.Message{Ctx: context.Background(), End: true})
	return err
}

func (p *Pump) move(run, stop context.Context) error {
	pace := pace{rate: p.Rate}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for stop.Err() == nil && run.Err() == nil {
		n := p.room()
		if n == 0 {
			return nil
		}
		now := time.Now()
		due, wait := pace.next(now, n)
		if due == 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-stop.Done():
			case <-run.Done():
			}
			continue
		}
		more, err := p.batch(run, now, due)
		if err != nil || !more {
			return err
		}
	}
	return run.Err()
}

// room is how many events the next batch may have.
func (p *Pump) room() int {
	if p.Limit > 0 {
		return int(min(int64(p.Batch), p.Limit-p.read.Load()))
	}
	return p.Batch
}

// batch moves up to n events; more is false when the source has ended.
func (p *Pump) batch(run context.Context, now time.Time, n int) (more bool, err error) {
	b := event.NewBatch(p.Into.Schema(), n)
	err = p.Reader.Read(b, n, now.UnixNano())
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read from %s: %w", p.Kind, err)
	}
	more = err == nil
	if b.Len() == 0 {
		return more, nil
	}
	p.read.Add(int64(b.Len()))
	p.events.Add(b.Len())
	p.latest.Store(now.UnixNano())
	_, err = p.Into.Publish(run, junction.Message{
		Ctx: context.Background(), Batch: b, // a context of its own per batch would cost an allocation
		Source: p.Kind, ReadStart: now, ReadEnd: time.Now(),
	})
	return more, err
}
