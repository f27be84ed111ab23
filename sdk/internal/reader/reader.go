// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package reader collects metrics at an interval and hands them to an exporter, on a goroutine of its own: whatever
// a collection or the exporter does there, flushing and shutting down return when their callers want.
package reader

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Options says how a Reader works. All fields are required.
type Options struct {
	Interval  time.Duration // between two collections
	Timeout   time.Duration // of one collection, and of each request it takes
	MaxPoints int           // data points of one request
	Failed    func(error)   // told of every failure; called on the Reader's goroutine
}

// Reader is a metric reader that pushes to an exporter. The provider it is registered with owns it.
type Reader struct {
	*sdkmetric.ManualReader

	opts     Options
	exporter sdkmetric.Exporter

	life    context.Context //nolint:containedctx // of the goroutine
	end     context.CancelFunc
	once    sync.Once
	drain   atomic.Pointer[context.Context] // of Shutdown
	flushes chan flush
	done    chan struct{}

	waiting []*metricdata.ResourceMetrics // requests not exported yet; the goroutine's
}

// flush is one call of ForceFlush.
type flush struct {
	ctx  context.Context //nolint:containedctx // handed over to the goroutine
	done chan struct{}
}

// New returns a Reader of what is recorded with its provider's instruments and of what p produces, which sends to
// e. Shutdown ends its goroutine.
func New(opts Options, p sdkmetric.Producer, e sdkmetric.Exporter) *Reader {
	r := &Reader{
		ManualReader: sdkmetric.NewManualReader(sdkmetric.WithProducer(p),
			sdkmetric.WithTemporalitySelector(e.Temporality), sdkmetric.WithAggregationSelector(e.Aggregation)),
		opts: opts, exporter: e, flushes: make(chan flush), done: make(chan struct{}),
	}
	r.life, r.end = context.WithCancel(context.Background())
	go r.run()
	return r
}

// ForceFlush collects and exports, and returns when that is done or with the error of ctx. After Shutdown there is
// nothing to flush.
func (r *Reader) ForceFlush(ctx context.Context) error {
	f := flush{ctx: ctx, done: make(chan struct{})}
	select {
	case r.flushes <- f:
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Shutdown interrupts what is under way, exports that again and then a last collection, shuts the exporter down
// and ends the goroutine. If ctx ends first it returns ctx's error, and the goroutine ends as soon as the call that
// it is in returns. A second call fails.
func (r *Reader) Shutdown(ctx context.Context) error {
	err := sdkmetric.ErrReaderShutdown
	r.once.Do(func() {
		r.drain.Store(&ctx)
		r.end()
		select {
		case <-r.done:
			err = nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	})
	return err
}

func (r *Reader) run() {
	defer close(r.done)
	ticker := time.NewTicker(r.opts.Interval)
	defer ticker.Stop()
	for r.life.Err() == nil {
		select {
		case <-ticker.C:
			r.round(r.life)
		case f := <-r.flushes:
			r.flush(f)
		case <-r.life.Done():
		}
	}
	r.finish(*r.drain.Load())
}

func (r *Reader) flush(f flush) {
	defer close(f.done)
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	defer context.AfterFunc(r.life, cancel)()
	r.round(ctx)
	_ = r.try(ctx, "flush the metric exporter", r.exporter.ForceFlush)
}

// finish is the end of the goroutine. The exporter is shut down even if ctx has ended, for what it holds.
func (r *Reader) finish(ctx context.Context) {
	r.send(ctx)
	if ctx.Err() == nil {
		r.round(ctx)
	}
	_ = r.try(ctx, "shut down the metric exporter", r.exporter.Shutdown)
	_ = r.ManualReader.Shutdown(ctx)
}

// round collects and exports once.
func (r *Reader) round(ctx context.Context) {
	_ = r.try(ctx, "collect metrics", func(ctx context.Context) error {
		var rm metricdata.ResourceMetrics // a new one: the producer's memory is in the last one
		err := r.Collect(ctx, &rm)
		r.waiting = append(r.waiting, split(&rm, r.opts.MaxPoints)...)
		return err
	})
	r.send(ctx)
}

// send exports what is waiting. A request that Shutdown interrupts stays: a series that nothing is bound to any more
// is collected only once, and so is every interval of delta temporality.
func (r *Reader) send(ctx context.Context) {
	interruptible := r.life.Err() == nil
	for len(r.waiting) > 0 && ctx.Err() == nil {
		err := r.try(ctx, "export metrics", func(ctx context.Context) error { return r.exporter.Export(ctx, r.waiting[0]) })
		if err != nil && interruptible && r.life.Err() != nil {
			return
		}
		r.waiting = r.waiting[1:]
	}
	if !interruptible || r.life.Err() == nil {
		r.waiting = nil
	}
}

// try makes one call, which is to do what, within the time limit, and reports what goes wrong. An error of a
// call that was cancelled, by Shutdown or by the caller of ForceFlush, is not worth a report.
func (r *Reader) try(ctx context.Context, what string, call func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	err := recovered(limited, call)
	cancelled := errors.Is(ctx.Err(), context.Canceled)
	if err != nil && (!cancelled || errors.Is(err, errPanic)) {
		r.opts.Failed(fmt.Errorf("could not %s: %w", what, err))
	}
	return err
}

var errPanic = errors.New("panic")

// recovered is call without its panics.
func recovered(ctx context.Context, call func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return call(ctx)
}
