// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package feed drives a source: it decides when events are read, and puts them into a stream.
package feed

import (
	"cmp"
	"context"
	"encoding/binary"
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
	Mapper   string // "csv" if that is decoded
	Into     *junction.Junction
	Batch    int           // most events per batch
	Rate     float64       // events per second; 0: as fast as the stream takes them
	Limit    int64         // stop after so many events; 0: no limit
	Duration time.Duration // stop after so long; 0: no limit
	// Speed is asked what Rate is to be, and Clock what the time is, for faults
	// made on purpose; each may be nil.
	Speed func(rate float64) float64
	Clock func(now time.Time) time.Time

	Handle *telemetry.Source // counts what is read; may be nil
	// Barrier, unless nil, is asked between batches and ten times a second. If ok, a barrier goes into the stream,
	// and Report gets the position that Resume takes.
	Barrier func() (id uint64, ok bool)
	Report  func(id uint64, position []byte)
}

const forEver = 1 << 62 // 146 years

// Pump reads a source until it ends.
type Pump struct {
	Config

	read, rejected atomic.Int64

	before int64 // events that former runs have read
	done   source.Progress
	meter  *source.Meter
}

// New returns a pump that has not started.
func New(cfg Config) *Pump { return &Pump{Config: cfg, meter: source.NewMeter(cfg.Handle, cfg.Mapper)} }

// Rejected is the number of records that were no events. Any goroutine may call it.
func (p *Pump) Rejected() int64 { return p.rejected.Load() }

// Read is the number of events read so far, without those of former runs. Any goroutine may call it.
func (p *Pump) Read() int64 { return p.read.Load() }

// Resume goes to a reported position. Limit counts what is before it, too.
func (p *Pump) Resume(position []byte) error {
	records, n := binary.Varint(position)
	events, m := binary.Varint(position[max(n, 0):])
	if n <= 0 || m <= 0 {
		return fmt.Errorf("resume %s: %x is no position", p.Kind, position)
	}
	p.before = events
	defer func() { p.done = p.Reader.Progress() }()
	return p.Reader.Skip(records)
}

// Run moves events until the source ends, a limit is reached or stop ends. Then it sends the end of the input and
// closes the stream. run bounds how long it waits for room in the stream.
func (p *Pump) Run(run, stop context.Context) error {
	defer p.Into.Close()
	p.Handle.Connected().Set(1)
	defer p.Handle.Connected().Set(0)
	stop, cancel := context.WithTimeout(stop, cmp.Or(p.Duration, forEver))
	defer cancel()
	if err := p.move(run, stop); err != nil {
		return err
	}
	return p.Into.Put(run, junction.Message{Ctx: context.Background(), End: true})
}

func (p *Pump) move(run, stop context.Context) error {
	pace := pace{rate: p.Rate}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for stop.Err() == nil && run.Err() == nil {
		if err := p.barrier(run); err != nil {
			return err
		}
		n := p.room()
		if n <= 0 {
			return nil
		}
		now := time.Now()
		if p.Speed != nil {
			pace.change(p.Speed(p.Rate))
		}
		due, wait := pace.next(now, n)
		if due > 0 {
			if more, err := p.batch(run, now, due); err != nil || !more {
				return err
			}
			continue
		}
		timer.Reset(min(wait, maxWait))
		select {
		case <-timer.C:
		case <-stop.Done():
		case <-run.Done():
		}
	}
	return run.Err()
}

// barrier publishes one if it is asked for.
func (p *Pump) barrier(run context.Context) error {
	if p.Barrier == nil {
		return nil
	}
	id, ok := p.Barrier()
	if !ok {
		return nil
	}
	err := p.Into.Put(run, junction.Message{Ctx: context.Background(), Barrier: id})
	if err == nil {
		p.Report(id, binary.AppendVarint(binary.AppendVarint(nil, p.Reader.Progress().Position), p.before+p.Read()))
	}
	return err
}

// room is how many events the next batch may have.
func (p *Pump) room() int {
	if p.Limit > 0 {
		return int(min(int64(p.Batch), p.Limit-p.before-p.Read()))
	}
	return p.Batch
}

// batch moves up to n events; more is false when the source has ended.
func (p *Pump) batch(run context.Context, now time.Time, n int) (more bool, err error) {
	b := event.NewBatch(p.Into.Schema(), n)
	clock := now
	if p.Clock != nil {
		clock = p.Clock(now)
	}
	err = p.Reader.Read(b, n, clock.UnixNano())
	end, at := time.Now(), p.Reader.Progress()
	p.meter.Read(int(at.Position-p.done.Position), int(at.Rejected-p.done.Rejected), int(at.Bytes-p.done.Bytes), end.Sub(now))
	p.done = at
	p.rejected.Store(at.Rejected)
	if err != nil && !errors.Is(err, io.EOF) {
		p.Handle.Errors("read").Inc()
		return false, fmt.Errorf("read from %s: %w", p.Kind, err)
	}
	more = err == nil
	if b.Len() == 0 {
		return more, nil
	}
	p.read.Add(int64(b.Len()))
	p.meter.Took(b, now)
	return more, p.Into.Put(run, junction.Message{
		Ctx: context.Background(), Batch: b, // a context of its own per batch would cost an allocation
		Source: p.Kind, ReadStart: now, ReadEnd: end, Sent: end,
	})
}
