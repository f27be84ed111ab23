// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
)

// input is one stream that the query reads.
type input struct {
	*junction.Queue

	handle  *telemetry.Input
	ended   bool
	closed  bool
	barrier uint64 // has come in on this input and not yet on the other
}

// ready receives when the input is worth a look. It blocks for ever while the
// other input must come to the same barrier first.
func (in *input) ready() <-chan struct{} {
	if in.closed || in.barrier != 0 {
		return nil
	}
	return in.Ready()
}

func (q *Query) loop(ctx context.Context) error {
	var tick <-chan time.Time
	if q.Every > 0 {
		t := time.NewTicker(q.Every)
		defer t.Stop()
		tick = t.C
	}
	for {
		select { // a busy stream must not hold up the timer
		case now := <-tick:
			if err := q.closeWindows(ctx, now); err != nil {
				return err
			}
		default:
		}
		worked, err := q.round(ctx)
		if err != nil || q.all(func(in *input) bool { return in.closed }) {
			return err
		}
		if worked {
			continue
		}
		if err := q.idle(ctx, tick); err != nil {
			return err
		}
	}
}

// round takes one message of each input that has one.
func (q *Query) round(ctx context.Context) (worked bool, err error) {
	for _, in := range q.inputs {
		if in.ready() == nil {
			continue
		}
		m, state := in.TryTake(q.now)
		q.now = time.Time{}
		switch state {
		case junction.Taken:
			worked = true
			err = q.take(ctx, in, m)
		case junction.Closed:
			in.closed = true
			err = q.align(ctx)
		case junction.Empty:
		}
		if err != nil {
			return worked, err
		}
	}
	return worked, nil
}

// idle waits until something happens.
func (q *Query) idle(ctx context.Context, tick <-chan time.Time) error {
	start := time.Now()
	defer func() { q.meter.idle.Add(time.Since(start)) }()
	var second <-chan struct{}
	if len(q.inputs) > 1 {
		second = q.inputs[1].ready()
	}
	select {
	case <-q.inputs[0].ready():
	case <-second:
	case now := <-tick:
		return q.closeWindows(ctx, now)
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// take handles one message: its batch, then the mark that it may be.
func (q *Query) take(ctx context.Context, in *input, m junction.Message) error {
	if m.Batch.Len() > 0 {
		if err := q.batch(ctx, in, m); err != nil {
			return err
		}
	}
	switch {
	case m.Barrier != 0:
		in.barrier = m.Barrier
		return q.align(ctx)
	case m.End:
		in.ended = true
		if q.all(func(in *input) bool { return in.ended || in.closed }) {
			for _, in := range q.inputs {
				in.ended = false
			}
			return q.end(ctx, m)
		}
	}
	return nil
}

// align takes part in a checkpoint once its barrier has come in everywhere. An
// input that waits for a checkpoint which others have given up goes on.
func (q *Query) align(ctx context.Context) error {
	var newest uint64
	for _, in := range q.inputs {
		newest = max(newest, in.barrier)
	}
	if newest == 0 {
		return nil
	}
	complete := true
	for _, in := range q.inputs {
		if in.barrier < newest {
			in.barrier = 0
			complete = complete && in.closed
		}
	}
	if !complete {
		return nil
	}
	for _, in := range q.inputs {
		in.barrier = 0
	}
	return q.checkpoint(ctx, newest)
}

func (q *Query) all(holds func(*input) bool) bool {
	for _, in := range q.inputs {
		if !holds(in) {
			return false
		}
	}
	return true
}

// fullest is the filled share of the fullest input.
func (q *Query) fullest() (share float64) {
	for _, in := range q.inputs {
		share = max(share, in.Utilization())
	}
	return share
}

// waiting is the memory of what waits.
func (q *Query) waiting() (bytes int64) {
	for _, in := range q.inputs {
		bytes += in.Bytes()
	}
	return bytes
}
