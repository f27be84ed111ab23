// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package query runs one query: a goroutine that takes batches from a stream,
// passes them through operators, and hands the results to the next stream.
package query

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/operator"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

// ErrorSinkSend is the value of error.type for an attempt to deliver that failed.
const ErrorSinkSend = "sink_send"

// Config describes a query. Fields without a note are required.
type Config struct {
	ID string
	// From are the inputs: one, or the two sides of a join or a pattern.
	From      []*junction.Queue
	Operators []operator.Operator
	Into      *junction.Junction
	Errors    []string // the values of error.type that the operators report

	Sinks []sink.Sink // take the events of Into on this query's goroutine; may be empty
	// Every is the period of the timer that closes the windows; 0: no timer.
	Every time.Duration
	// Metrics are columns of Into whose values become metrics, as EMIT METRICS
	// in a SELECT says; may be empty.
	Metrics []Metric
	// Letters are the dead-letter streams of the inputs, which end with the query;
	// may be empty.
	Letters []*junction.Junction
	// Failed takes rows that an operator could not handle; may be nil.
	Failed func(b telemetry.Batch, r event.Row, s *event.Schema, errorType string, err error)
	// Refused is asked what becomes of rows that a sink will never take. The query
	// ends if it returns an error, or is nil.
	Refused func(ctx context.Context, b telemetry.Batch, rows *event.Batch, err error) error
	// Report takes the state of the query for a checkpoint; may be nil.
	Report func(checkpoint uint64, state []byte, err error)
	// Hold is called before each batch, checkpoint and delivery, for faults made on
	// purpose; may be nil.
	Hold func(ctx context.Context, where Place)
	// Refuse is asked before each delivery whether it fails, likewise; may be nil.
	Refuse func(s sink.Sink) error
	// OnEnd is called when the end of the input has passed the query; may be nil.
	OnEnd func(context.Context)
	// OnTrouble is called once when a sink stops taking events; may be nil.
	OnTrouble func(s sink.Sink, err error)
}

// Place is where a query can be held up.
type Place uint8

// The places.
const (
	AtBatch Place = iota
	AtCheckpoint
	AtDelivery
)

// Query is a running query. Run owns it; Totals may be called by anyone.
type Query struct {
	Config

	handle *telemetry.Query
	inputs []*input
	output *telemetry.Output
	worker *telemetry.Worker
	logger *slog.Logger
	meter  meter

	steps   []step
	outlets []*outlet
	metrics []metric
	links   links
	born    time.Time // when the events of the batch at hand came into the engine
	now     time.Time // what the clock said at the end of a batch, until the next look for one; else zero

	processed, emitted, failures atomic.Int64

	running atomic.Bool
	failed  atomic.Pointer[error] // what ended Run before its input did
}

// New binds the query to app. An error is about Metrics that cannot be exported.
func New(app *telemetry.App, cfg Config) (*Query, error) {
	q := &Query{Config: cfg, handle: app.Query(cfg.ID)}
	for _, from := range cfg.From {
		q.inputs = append(q.inputs, &input{Queue: from, handle: q.handle.Input(from.Stream())})
	}
	q.output = q.handle.Output(cfg.Into.Name())
	q.handle.BufferFunc(q.fullest)
	q.handle.BufferSizeFunc(q.waiting)
	q.handle.StateFunc(func() int64 { return q.StateBytes() })
	q.handle.Errors(cfg.Errors...)
	// The worker is bound here, once, and used by the goroutine of Run only.
	q.worker = q.handle.Worker()
	q.logger = q.worker.Logger()
	q.meter.bind(q.handle)
	for i, op := range cfg.Operators {
		q.steps = append(q.steps, q.bind(i, op))
	}
	for _, s := range cfg.Sinks {
		q.handle.Errors(ErrorSinkSend)
		q.outlets = append(q.outlets, newOutlet(app, cfg.Into, s))
	}
	return q, q.declare()
}

// Run works until the input stream is closed and empty, or ctx ends. Then it
// closes the stream it writes to.
func (q *Query) Run(ctx context.Context) error {
	defer q.worker.Close()
	defer q.closeStreams()
	defer q.running.Store(false)
	q.running.Store(true)
	q.logger.InfoContext(ctx, "query started", "output.stream", q.Into.Name())
	err := q.loop(ctx)
	if err != nil {
		q.failed.Store(&err)
	}
	q.logger.InfoContext(ctx, "query stopped",
		"events.processed", q.processed.Load(), "events.emitted", q.emitted.Load(), "errors", q.failures.Load())
	return err
}

func (q *Query) batch(ctx context.Context, in *input, m junction.Message) error {
	n := m.Batch.Len()
	q.held(ctx, AtBatch)
	q.meter.took(m)
	q.born = m.Born
	if q.born.IsZero() {
		q.born = m.ReadStart
	}
	b := q.worker.Begin(m.Ctx, telemetry.Arrival{
		Count: n, Stream: in.Stream(), Source: m.Source,
		ReadStart: m.ReadStart, ReadEnd: m.ReadEnd, SendStart: m.Sent, SendEnd: m.Taken,
	})
	defer q.ended(b)
	b.Processed(in.handle, n)
	q.processed.Add(int64(n))
	out := through(b, q.steps, m.Batch)
	if out.Len() > 0 {
		q.links.take() // the windows those batches filled are closed
	}
	if q.holds() {
		q.links.keep(b.Link())
	}
	if b.Sampled() { // one line for a traced batch, so that log and trace point at each other
		q.logger.DebugContext(b.Context(), "batch executed", "events.processed", n, "events.emitted", out.Len())
	}
	var err error
	q.now, err = q.emit(ctx, b, out)
	return err
}

// ended ends a batch. The clock is read at most once between two batches.
func (q *Query) ended(b telemetry.Batch) {
	if q.now.IsZero() {
		q.now = time.Now()
	}
	b.EndAt(q.now)
}

// mark sends an end or a barrier to whoever reads what the query writes.
func (q *Query) mark(ctx context.Context, m junction.Message) error {
	for _, out := range append(q.Letters, q.Into) {
		if err := out.Put(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (q *Query) closeStreams() {
	for _, out := range append(q.Letters, q.Into) {
		out.Close()
	}
}

func (q *Query) held(ctx context.Context, where Place) {
	if q.Hold != nil {
		q.Hold(ctx, where)
	}
}

// Close takes the query's series out of the export. Call it after Run.
func (q *Query) Close() { q.handle.Close() }

// Totals is what a query has counted itself.
type Totals struct {
	Processed int64
	Emitted   int64
	Errors    int64 // failed attempts to deliver
}

// Totals returns the counts so far.
func (q *Query) Totals() Totals {
	return Totals{Processed: q.processed.Load(), Emitted: q.emitted.Load(), Errors: q.failures.Load()}
}

// stuckAfter is how long a query may take nothing although something waits.
const stuckAfter = 10 * time.Second

// Check returns why the query does not work: its goroutine has ended with an
// error, or it has taken nothing for ten seconds although something waits. It
// returns nil before the query runs and after the end of its input. Any
// goroutine may call it.
func (q *Query) Check(now time.Time) error {
	if err := q.failed.Load(); err != nil {
		return fmt.Errorf("query %s has ended: %w", q.ID, *err)
	}
	if !q.running.Load() {
		return nil
	}
	for _, from := range q.From {
		if d := from.Standstill(now); d >= stuckAfter {
			waiting, _ := from.Fill()
			return fmt.Errorf("query %s has taken nothing for %s while %d batches wait", q.ID, d.Round(time.Second), waiting)
		}
	}
	return nil
}
